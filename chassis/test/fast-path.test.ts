import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { createSampleApp } from './sample-app.ts'

const body = '{"thing":"näher"}'

/** A service whose `/things/1` has a fast path and a route that respond alike, and counts which of them did. */
async function start(t: TestContext, host = '127.0.0.1') {
  let byFastPath = 0
  let byRoute = 0
  const app = await createSampleApp(t)
  app.fastPaths.push({
    route: '/things/:id',
    prefix: '/things/',
    find(id) {
      const response = { etag: '"1"', body }
      if (id === 'fails') throw new Error('the source is down')
      if (id === 'fails-later') return Promise.reject(new Error('the source is down'))
      if (id === 'none-later') return Promise.resolve(undefined)
      if (id !== '1' && id !== 'later') return undefined
      byFastPath += 1
      return id === 'later' ? Promise.resolve(response) : response
    },
  })
  app.get('/things/:id', async (request, reply) => {
    byRoute += 1
    reply.header('etag', '"1"').type('application/json; charset=utf-8')
    if (request.headers['if-none-match'] === '"1"') reply.code(304)
    else return body
  })
  return {
    address: await listen(app, { host, port: 0 }),
    counts: () => ({ byFastPath, byRoute }),
  }
}

test('The fast path sends the status, the headers and the bytes of its route', async (t) => {
  const { address, counts } = await start(t)
  const responses = [
    await fetch(`${address}/things/1`, { headers: { 'x-request-id': 'same' } }),
    await fetch(`${address}/things/2`, { headers: { 'x-request-id': 'same' } }),
  ]
  const [one, other] = await Promise.all(
    responses.map(async (response) => ({
      status: response.status,
      headers: Object.fromEntries([...response.headers].filter(([name]) => name !== 'date')),
      text: await response.text(),
    })),
  )
  assert.deepEqual(one, other)
  assert.deepEqual(counts(), { byFastPath: 1, byRoute: 1 })
})

test('A service that listens on a name has its fast path at each address of the name that it listens on', async (t) => {
  const { address, counts } = await start(t, 'localhost')
  const { port } = new URL(address)
  let served = 0
  for (const host of ['127.0.0.1', '[::1]']) {
    const response = await fetch(`http://${host}:${port}/things/1`).catch(() => undefined)
    if (response?.status === 200) served += 1
  }
  assert.ok(served > 0)
  assert.deepEqual(counts(), { byFastPath: served, byRoute: 0 })
})

test('The fast path may find a response later; what it does not find or fails to find goes to the route', async (t) => {
  const { address, counts } = await start(t)
  for (const [id, expected] of [
    ['later', 1],
    ['none-later', 1],
    ['fails-later', 1],
    ['fails', 1],
  ]) {
    const response = await fetch(`${address}/things/${id}`)
    assert.equal(response.status, 200)
    assert.equal(await response.text(), body)
    assert.equal(counts().byFastPath, expected)
  }
  assert.equal(counts().byRoute, 3)
})

test('A request that is conditional, negotiated or no GET goes to the route', async (t) => {
  const { address, counts } = await start(t)
  assert.equal((await fetch(`${address}/things/1`, { headers: { 'if-none-match': '"1"' } })).status, 304)
  assert.equal((await fetch(`${address}/things/1`, { headers: { accept: 'text/html' } })).status, 406)
  assert.equal((await fetch(`${address}/things/1`, { method: 'HEAD' })).status, 200)
  assert.equal((await fetch(`${address}/things/1`, { method: 'DELETE' })).status, 405)
  assert.equal(counts().byFastPath, 0)
})

test('A request that is refused whatever its resource, or has a body, goes to the route', async (t) => {
  const { address, counts } = await start(t)
  const { port } = new URL(address)
  for (const [head, status] of [
    ['GET /things/1 HTTP/1.1\r\n', 400],
    ['GET /things/1 HTTP/1.1\r\nhost: a/b\r\n', 400],
    ['GET /things/1 HTTP/1.1\r\nhost: a\r\nhost: a\r\n', 400],
    ['GET /things/1 HTTP/2.0\r\nhost: a\r\n', 505],
    ['GET /things/1 HTTP/1.1\r\nhost: a\r\nexpect: x\r\n', 417],
    ['GET /things/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n', 200],
    ['GET /things/1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n', 200],
  ] as const) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`${head}\r\n`)
    const [data] = await once(socket, 'data')
    assert.equal(String(data).slice(0, 13), `HTTP/1.1 ${status} `, head)
    socket.destroy()
  }
  assert.equal(counts().byFastPath, 0)
})

test('A request on the fast path is counted like any other', async (t) => {
  const { address } = await start(t)
  for (const id of [1, 1, 2]) await (await fetch(`${address}/things/${id}`)).text()
  const metrics = await (await fetch(`${address}/metrics`)).text()
  assert.match(
    metrics,
    /http_server_request_duration_seconds_count\{(?=[^}]*http_route="\/things\/:id")[^}]*\} 3/,
  )
})
