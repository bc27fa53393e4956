import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { listen, pageQuery } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { readPage, rowList, searchList, sendList } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { createSampleApp } from '../sample-app.ts'

/** A service whose lists are held until the test finishes them. */
async function start(t: TestContext, body = '[]') {
  const app = await createSampleApp(t)
  const held: (() => void)[] = []
  app.get('/things', { schema: { querystring: Type.Object(pageQuery) } }, (_, reply) => {
    held.push(() => reply.type('application/json').send(body))
    return reply
  })
  app.get('/other', async () => ({}))
  const open = new Set<Socket>()
  app.server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return { url, held, open, port: Number(new URL(url).port) }
}

const limits = { timeout: 30_000 }
const statusOf = async (url: string) => (await fetch(url)).status
const requestPages = (url: string, count: number) =>
  Array.from({ length: count }, () => statusOf(`${url}/things?limit=1000`))

test(
  'A few large pages are made at a time, the others wait, and no other request does',
  limits,
  async (t) => {
    const { url, held } = await start(t)
    const large = requestPages(url, 10)
    await until(() => held.length === 2)
    assert.equal(await statusOf(`${url}/other`), 200)
    const small = statusOf(`${url}/things?limit=100`)
    await until(() => held.length >= 3)
    const timer = setInterval(() => {
      for (const finish of held.splice(0)) finish()
    }, 5)
    t.after(() => clearInterval(timer))
    assert.deepEqual(await Promise.all([...large, small]), Array(11).fill(200))
  },
)

test(
  'Pages that take long, as those of a slow database, do not keep others from beginning',
  limits,
  async (t) => {
    const { url, held } = await start(t)
    const large = requestPages(url, 6)
    await until(() => held.length === 6)
    for (const finish of held) finish()
    await Promise.all(large)
  },
)

test('Of large pages that nobody reads, the oldest are cut', limits, async (t) => {
  const { held, open, port } = await start(t, JSON.stringify('x'.repeat(6_000_000)))
  const sockets = Array.from({ length: 70 }, () => connect(port, '127.0.0.1').pause())
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.write('GET /things?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n')
  }
  for (let made = 0; made < 70; ) {
    await pause(5)
    for (const finish of held.splice(0)) {
      finish()
      made += 1
    }
  }
  await until(() => open.size <= 64)
  let cut = 0
  for (const socket of sockets) socket.resume().on('close', () => (cut += 1))
  await until(() => cut >= 6)
  await pause(50)
  assert.equal(cut, 6)
})

/** Logs each turn of the event loop until the test is over. */
function logTurns(t: TestContext, log: { push(event: 'turn'): unknown }): void {
  let next = setImmediate(function turn() {
    log.push('turn')
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
}

/** A service with a list of small rows and one of rows of 40 kilobytes, and the log of their reads and of turns of the event loop. */
async function startWithRows(t: TestContext) {
  const app = await createSampleApp(t, { trustedProxies: '127.0.0.1', timeouts: { listMs: 60_000 } })
  const log: ('read' | 'turn')[] = []
  for (const [path, length] of [
    ['/small', 40],
    ['/large', 40_000],
  ] as const) {
    const row = { text: 'x'.repeat(length), bytes: length }
    app.get(path, { schema: { querystring: Type.Object(pageQuery) } }, (request, reply) => {
      const read = ({ after, limit, bytesMax = 0 }: { after: number; limit: number; bytesMax?: number }) => {
        log.push('read')
        const count = Math.min(limit, Math.ceil(bytesMax / length))
        return Array.from({ length: count }, (_, at) => ({ ...row, id: after + at + 1 }))
      }
      const parts = { read, textOf: JSON.stringify, numberOf: ({ id }: { id: number }) => id }
      return sendList(request, reply, rowList(readPage(request.query), parts))
    })
  }
  await app.ready()
  logTurns(t, log)
  const order: string[] = []
  /** Requests a list, and enters `name` in the order of the responses. */
  async function request(name: string, url: string, client = '10.0.0.1') {
    const response = await app.inject({ url, headers: { 'x-forwarded-for': client } })
    order.push(name)
    return response
  }
  return { request, order, log }
}

test('A list of small rows overtakes pages of large rows, however many these are', limits, async (t) => {
  const { request, order } = await startWithRows(t)
  const large = Array.from({ length: 300 }, () => request('large', '/large'))
  await until(() => order.length >= 1)
  const small = await request('small', '/small')
  assert.equal(small.json().length, 100)
  assert.ok(order.indexOf('small') < 30, String(order.indexOf('small')))
  for (const { statusCode } of await Promise.all(large)) assert.equal(statusCode, 200)
})

test('Large pages are made in turn for each client, whatever limit they have', limits, async (t) => {
  const { request, order } = await startWithRows(t)
  const many = Array.from({ length: 100 }, (_, n) =>
    request('one', `/large?limit=${n % 2 === 0 ? 50 : 1_000}`),
  )
  await until(() => order.length >= 1)
  await request('other', '/large', '10.0.0.2')
  assert.ok(order.indexOf('other') < 10, String(order.indexOf('other')))
  await Promise.all(many)
})

test(
  'Of pages that are requested at once few steps are made in a turn of the event loop',
  limits,
  async (t) => {
    const { request, log } = await startWithRows(t)
    const pages = await Promise.all(Array.from({ length: 200 }, () => request('large', '/large')))
    for (const { statusCode, body } of pages) {
      assert.equal(statusCode, 200)
      assert.ok(body.length < 524_288 + 41_000)
    }
    for (const turn of log.join(' ').split('turn')) assert.ok(turn.split('read').length <= 8 + 2 + 1, turn)
  },
)

test('Beyond the large pages that may wait, the client that has most of them gets 429', limits, async (t) => {
  const { request } = await startWithRows(t)
  const many = Array.from({ length: 560 }, () => request('one', '/large'))
  const other = await request('other', '/large', '10.0.0.2')
  assert.equal(other.statusCode, 200)
  const statuses = (await Promise.all(many)).map(({ statusCode }) => statusCode)
  assert.deepEqual([...new Set(statuses)].sort(), [200, 429])
})

/** A service with a search that finds nothing in a number of steps; and the log of its steps, by client, and of turns of the event loop. */
async function startWithSearch(
  t: TestContext,
  { steps, listMs = 6_000 }: { steps: number; listMs?: number },
) {
  const app = await createSampleApp(t, { trustedProxies: '127.0.0.1', timeouts: { listMs } })
  const log: string[] = []
  const made = (client: string) => log.filter((one) => one === client).length
  app.get('/found', { schema: { querystring: Type.Object(pageQuery) } }, (request, reply) => {
    const search = async ({ after }: { after: number }) => {
      log.push(String(request.headers['x-forwarded-for']))
      return { rows: [] as { id: number }[], reached: after < steps ? after + 1 : undefined }
    }
    const parts = { search, textOf: JSON.stringify, numberOf: ({ id }: { id: number }) => id }
    return sendList(request, reply, searchList(readPage(request.query), parts))
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const request = (client: string, signal?: AbortSignal) =>
    fetch(`${url}/found`, { headers: { 'x-forwarded-for': client }, ...(signal && { signal }) })
  return { request, log, made }
}

test('All searches together make one step in a turn of the event loop', limits, async (t) => {
  const { request, log } = await startWithSearch(t, { steps: 50 })
  logTurns(t, log)
  await Promise.all(Array.from({ length: 20 }, () => request('10.0.0.1')))
  for (const turn of log.join(' ').split('turn')) assert.ok(turn.trim().split(' ').length <= 2, turn)
})

test('Searches make their steps in turn for each client, however many each has', limits, async (t) => {
  const { request, made } = await startWithSearch(t, { steps: 200 })
  const many = Array.from({ length: 100 }, () => request('10.0.0.1'))
  await until(() => made('10.0.0.1') >= 10)
  const before = made('10.0.0.1')
  await Promise.all([request('10.0.0.2'), request('10.0.0.3')])
  const meanwhile = made('10.0.0.1') - before
  assert.ok(meanwhile >= 100 && meanwhile <= 300, String(meanwhile))
  for (const { status } of await Promise.all(many)) assert.equal(status, 200)
})

test('A search makes no further step once its client is gone', limits, async (t) => {
  const { request, made } = await startWithSearch(t, { steps: 20_000 })
  const ending = new AbortController()
  const gone = Array.from({ length: 20 }, () => request('10.0.0.1', ending.signal))
  await until(() => made('10.0.0.1') >= 100)
  ending.abort()
  await Promise.allSettled(gone)
  let before = -1
  await until(() => {
    const isOver = before === made('10.0.0.1')
    before = made('10.0.0.1')
    return isOver
  })
  await pause(50)
  assert.equal(made('10.0.0.1'), before)
})

test(
  'A list that is not ready in time is 503 with Retry-After, and makes no further step',
  limits,
  async (t) => {
    const { request, made } = await startWithSearch(t, { steps: 20_000, listMs: 100 })
    const responses = await Promise.all(Array.from({ length: 5 }, () => request('10.0.0.1')))
    for (const response of responses) {
      assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1'])
      assert.match(String(Reflect.get(Object(await response.json()), 'detail')), /not ready in time/)
    }
    await pause(20)
    const before = made('10.0.0.1')
    await pause(50)
    assert.equal(made('10.0.0.1'), before)
  },
)
