import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { hex, partOf, readingWorld } from './reading-world.ts'

type Event = { readonly topic: string; readonly data: { data: { id: unknown }[]; leftOut: number } }

async function world(t: TestContext, options: Parameters<typeof readingWorld>[1] = {}) {
  const { app, file } = await readingWorld(t, options)
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const connect = async (topics: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const sent = request(`${url}/api/live?topics=${topics}`, { agent: false }, resolve)
    sent.on('error', reject).end()
    t.after(() => sent.destroy())
    const response = await promise
    response.setEncoding('utf8')
    return response
  }
  const follow = async (topics: string) => {
    const response = await connect(topics)
    const received = { text: '', status: response.statusCode, isOver: false }
    response.on('data', (chunk: string) => {
      received.text += chunk
    })
    response.on('error', () => {})
    response.on('close', () => {
      received.isOver = true
    })
    const events = (): Event[] =>
      [...received.text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)].map(([, topic = '', data = '']) => ({
        topic,
        data: JSON.parse(data),
      }))
    return { events, received }
  }
  return { app, connect, file, follow }
}

const line = (i: number) => ({
  service: 'guid',
  line: JSON.stringify({ level: 'warn', time: Date.now(), msg: `line ${i}` }),
})

test('A stream has the topics that are asked for: what is new, and figures when they change', async (t) => {
  const { file, follow } = await world(t)
  file.write([partOf(1)], [])
  const { events } = await follow('map,traces,logs,queues')
  const of = (topic: string) => events().filter((event) => event.topic === topic)
  await until(() => of('map').length === 1 && of('queues').length === 1)
  file.write([partOf(2)], [line(1)])
  await until(() => of('traces').length === 1 && of('logs').length === 1)
  assert.deepEqual(
    of('traces')[0]?.data.data.map(({ id }) => id),
    [hex(2, 32)],
  )
  file.write([partOf(2, { spanId: hex(2, 16) })], [line(2)])
  await until(() => of('traces').length === 2 && of('logs').length === 2)
  assert.equal(of('traces')[1]?.data.data[0]?.id, hex(2, 32), 'it has got more spans')
  assert.equal(of('logs')[1]?.data.data.length, 1)
  assert.equal(of('map').length, 1)
  const other = await follow('logs')
  assert.equal(other.events().length, 0)
})

test('What is kept once a client has the head of its stream is sent, also the very first', async (t) => {
  const { file, follow } = await world(t)
  file.write([partOf(1)], [line(1)])
  const { events } = await follow('traces,logs')
  file.write([partOf(2)], [line(2)])
  await until(() => events().length >= 2)
  const ids = events().flatMap(({ topic, data }) => (topic === 'traces' ? data.data.map(({ id }) => id) : []))
  assert.deepEqual(ids, [hex(2, 32)])
  assert.equal(events().find(({ topic }) => topic === 'logs')?.data.data.length, 1)
})

test('A flood comes as few batches, with the number of those that are left out', async (t) => {
  const { file, follow } = await world(t)
  const { events } = await follow('logs,traces')
  const total = (topic: string) =>
    events()
      .filter((event) => event.topic === topic)
      .reduce((sum, { data }) => sum + data.data.length + data.leftOut, 0)
  let written = 0
  await until(() => {
    written += 1
    file.write([partOf(10_000 + written)], [])
    return total('traces') > 0
  })
  const flood = Array.from({ length: 1_000 }, (_, i) => i)
  file.write(
    flood.map((i) => partOf(i)),
    flood.map(line),
  )
  await until(() => total('logs') === 1_000 && total('traces') >= 1_000)
  assert.ok(total('traces') <= 1_000 + written)
  assert.ok(events().every(({ data }) => data.data.length <= 200))
  assert.ok(events().length < 100)
})

test('A client that does not read does not fill the memory, and gets the number of lines that it has missed', async (t) => {
  let figures = 0
  const { connect, file } = await world(t, { batchMs: 1, figuresAt: () => ++figures })
  const response = await connect('map,logs')
  response.pause()
  const before = process.memoryUsage().arrayBuffers
  await until(() => figures > 60)
  assert.ok(process.memoryUsage().arrayBuffers - before < 30_000_000)
  file.write(
    [],
    Array.from({ length: 5 }, (_, i) => line(i)),
  )
  const seen = figures
  await until(() => figures > seen + 5)
  let text = ''
  response.on('data', (chunk: string) => {
    text += chunk
  })
  response.resume()
  await until(() => {
    file.write([], [line(9)])
    return /"leftOut":[1-9]/.test(text)
  })
})

test('A quiet stream has heartbeats, and all end with the console', async (t) => {
  const { app, follow } = await world(t, { heartbeatMs: 30 })
  const { received } = await follow('traces')
  await until(() => received.text.includes(': heartbeat'))
  await app.close()
  await until(() => received.isOver)
})

test('There are twenty streams at most', async (t) => {
  const { follow } = await world(t)
  const streams = await Promise.all(Array.from({ length: 21 }, () => follow('traces')))
  assert.deepEqual(streams.map(({ received }) => received.status).sort(), [
    ...Array.from({ length: 20 }, () => 200),
    503,
  ])
})
