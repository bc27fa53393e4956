import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'

const body = '{"thing":"näher"}'

/** A service whose `/things/1` is at hand as text, and which otherwise answers it with the same bytes by its route. */
async function start(t: TestContext) {
  let quick = 0
  let slow = 0
  const app = await createApp({
    name: 'sample',
    title: 'Sample',
    description: 'For tests.',
    logger: createLogger({ service: 'sample', level: 'silent' }),
    fastPath(path) {
      const answer = { route: '/things/:id', etag: '"1"', body }
      if (path === '/things/fails') throw new Error('the source is down')
      if (path === '/things/fails-later') return Promise.reject(new Error('the source is down'))
      if (path === '/things/none-later') return Promise.resolve(undefined)
      if (path !== '/things/1' && path !== '/things/later') return undefined
      quick += 1
      return path === '/things/later' ? Promise.resolve(answer) : answer
    },
  })
  app.get('/things/:id', async (request, reply) => {
    slow += 1
    reply.header('etag', '"1"').type('application/json; charset=utf-8')
    if (request.headers['if-none-match'] === '"1"') reply.code(304)
    else return body
  })
  t.after(() => app.close())
  return { address: await listen(app, { host: '127.0.0.1', port: 0 }), counts: () => ({ quick, slow }) }
}

test('A quick answer has the status, the header fields and the bytes of the route that it stands in for', async (t) => {
  const { address, counts } = await start(t)
  const answers = [
    await fetch(`${address}/things/1`, { headers: { 'x-request-id': 'same' } }),
    await fetch(`${address}/things/2`, { headers: { 'x-request-id': 'same' } }),
  ]
  const [one, other] = await Promise.all(
    answers.map(async (answer) => ({
      status: answer.status,
      headers: Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date')),
      text: await answer.text(),
    })),
  )
  assert.deepEqual(one, other)
  assert.deepEqual(counts(), { quick: 1, slow: 1 })
})

test('A quick answer may come later, and what is not found or fails then goes to the route', async (t) => {
  const { address, counts } = await start(t)
  for (const [id, quick] of [
    ['later', 1],
    ['none-later', 1],
    ['fails-later', 1],
    ['fails', 1],
  ]) {
    const answer = await fetch(`${address}/things/${id}`)
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), body)
    assert.equal(counts().quick, quick)
  }
  assert.equal(counts().slow, 3)
})

test('What is conditional, negotiated or no GET goes to the route', async (t) => {
  const { address, counts } = await start(t)
  assert.equal((await fetch(`${address}/things/1`, { headers: { 'if-none-match': '"1"' } })).status, 304)
  assert.equal((await fetch(`${address}/things/1`, { headers: { accept: 'text/html' } })).status, 406)
  assert.equal((await fetch(`${address}/things/1`, { method: 'HEAD' })).status, 200)
  assert.equal((await fetch(`${address}/things/1`, { method: 'DELETE' })).status, 405)
  assert.equal(counts().quick, 0)
})

test('A quick answer is counted like any other', async (t) => {
  const { address } = await start(t)
  for (const id of [1, 1, 2]) await (await fetch(`${address}/things/${id}`)).text()
  const metrics = await (await fetch(`${address}/metrics`)).text()
  assert.match(metrics, /http_request_duration_seconds_count\{(?=[^}]*route="\/things\/:id")[^}]*\} 3/)
})
