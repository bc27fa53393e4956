import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { EventStream, Message, StreamMessage } from '@quintet/chassis/queue'
import { ids, message } from './world.ts'
import type { CreateWorld } from './world.ts'

/** The contract of `EventStream`; `retention` for those that keep as many messages as `append` says. */
export function testEventStream(
  name: string,
  createWorld: CreateWorld<EventStream>,
  { retention }: { retention: boolean },
): void {
  describe(`event stream: ${name}`, () => {
    testAppending(createWorld)
    if (retention) testRetention(createWorld)
  })
}

function testAppending(createWorld: CreateWorld<EventStream>): void {
  test('a stream keeps appended messages, in order, for every reader', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    const sent = Array.from({ length: 25 }, (_, i) => message(`m${i}`, `k${i % 3}`))
    await queue.append('log', sent.slice(0, 10))
    await queue.append('log', [])
    await queue.append('log', sent.slice(10, 11))
    await queue.append('log', sent.slice(11))
    t.assert.deepEqual(await readAll(queue, 'log', 4), sent)
    await queue.close()
    const again = await world.open()
    t.assert.deepEqual(await readAll(again, 'log', 1000), sent)
    t.assert.deepEqual(await again.readStream('another'), [])
  })

  test('a page has as many messages as it may, whether they were appended one by one or together', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    const sent = Array.from({ length: 260 }, (_, i) => ({
      ...message(`m${i}`, 'k'),
      body: 'x'.repeat(i < 130 ? 1 : 2_000),
    }))
    for (const one of sent.slice(0, 130)) await queue.append('log', [one])
    await queue.append('log', sent.slice(130))
    for (const limit of [7, 120, 200]) {
      t.assert.equal((await queue.readStream('log', { limit })).length, limit)
      t.assert.deepEqual(await readAll(queue, 'log', limit), sent)
    }
  })

  test('a position behind the last message is refused, with that of the last one', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await t.assert.rejects(queue.readStream('log', { after: 1 }), { name: 'UnknownPosition', last: 0 })
    await queue.append('log', [message('a'), message('b')])
    await queue.append('log', [message('c')])
    const last = (await queue.readStream('log')).at(-1)?.position ?? 0
    t.assert.deepEqual(await queue.readStream('log', { after: last }), [])
    for (const after of [last + 1, last + 1_000, Number.MAX_SAFE_INTEGER])
      await t.assert.rejects(queue.readStream('log', { after }), { name: 'UnknownPosition', last })
  })

  test('concurrent appends are all stored, each with its messages in order', async (t: TestContext) => {
    const world = createWorld(t)
    const [one, two] = [await world.open(), await world.open()]
    const parts = Array.from({ length: 40 }, (_, i) => [
      message(`${i}-a`),
      message(`${i}-b`),
      message(`${i}-c`),
    ])
    await Promise.all(parts.map((part, i) => (i % 2 === 0 ? one : two).append('log', part)))
    const read = ids(await readAll(one, 'log', 7))
    t.assert.equal(read.length, 120)
    for (const part of parts) {
      const at = read.indexOf(part[0]?.id ?? '')
      t.assert.deepEqual(read.slice(at, at + 3), ids(part))
    }
  })
}

function testRetention(createWorld: CreateWorld<EventStream>): void {
  test('a stream keeps its newest messages, and reading from a removed position continues with the oldest one', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    for (let i = 0; i < 30; i += 1) await queue.append('log', [message(`m${i}`)], { keptMax: 10 })
    const kept = await queue.readStream('log', { limit: 1000 })
    t.assert.deepEqual(ids(kept), ids(Array.from({ length: 10 }, (_, i) => message(`m${20 + i}`))))
    const last = kept.at(-1)?.position ?? 0
    t.assert.deepEqual(await queue.readStream('log', { after: last }), [])
    await queue.append('log', [message('next')], { keptMax: 10 })
    t.assert.deepEqual(ids(await queue.readStream('log', { after: last })), ['next'])
  })
}

/** Reads a stream from its beginning, page by page, until a page is empty. */
async function readAll(queue: EventStream, stream: string, limit: number): Promise<Message[]> {
  const read: StreamMessage[] = []
  for (;;) {
    const page = await queue.readStream(stream, { after: read.at(-1)?.position ?? 0, limit })
    if (page.length === 0) return read.map(({ id, key, body }) => ({ id, key, body }))
    read.push(...page)
  }
}
