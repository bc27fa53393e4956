import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import { openStreamQueue } from '@quintet/chassis/queue'
import type { EventStream, Queue, StreamMessage } from '@quintet/chassis/queue'
import { engineUrl, until } from '@quintet/chassis/testing'
import { createWorld } from './world.ts'
import type { World } from './world.ts'

const url = engineUrl('kafka')
const withinMs = 30_000
const later = { prefer: 'respond-async' }

if (url !== undefined) {
  testEvents(url)
  testCommands(url)
  testFaults()
}

function testEvents(server: string): void {
  test('Commands of one GUID are applied through Kafka in the order in which they were accepted, with one event each', async (t) => {
    const events = freshEvents(server)
    const world = await createWorld(t, { EVENTS_URL: events })
    const guids = Array.from({ length: 8 }, newGuid)
    const accepted = await Promise.all(guids.map((guid) => acceptChanges(world, guid, 15)))
    for (const locations of accepted)
      for (const [i, location] of locations.entries())
        assert.equal((await outcome(world, location)).result.user, `user-${i}`)
    const published = await readEvents(await open(t, events), guids.length * 15)
    for (const guid of guids)
      assert.deepEqual(
        published.filter(({ key }) => key === guid).map(({ body }) => JSON.parse(body).user),
        Array.from({ length: 15 }, (_, i) => `user-${i}`),
      )
  })

  test('GET /guid-events reads the topic, page by page and as it grows, without what is no event', async (t) => {
    const events = freshEvents(server)
    const world = await createWorld(t, { EVENTS_URL: events })
    assert.deepEqual((await world.get('/guid-events')).json(), [])
    for (let i = 0; i < 5; i += 1) await world.post(`/guid/${newGuid()}`, { user: `user-${i}` })
    const queue = await open(t, events)
    await readEvents(queue, 5)
    await queue.append('guid.events', [{ id: 'nonsense', key: '', body: '{"type":"guid.created"}' }])
    const usersOf = (response: { json(): { user: string }[] }) => response.json().map(({ user }) => user)
    await until(async () => usersOf(await world.get('/guid-events?limit=6')).length === 5, withinMs)
    const first = await world.get('/guid-events?limit=2')
    const next = /<(.*)>/.exec(String(first.headers.link))?.[1] ?? ''
    assert.deepEqual(usersOf(first), ['user-0', 'user-1'])
    assert.deepEqual(usersOf(await world.get(next)), ['user-2', 'user-3'])
    const base = await world.app.listen({ host: '127.0.0.1', port: 0 })
    const ending = new AbortController()
    t.after(() => ending.abort())
    const headers = { accept: 'text/event-stream', 'last-event-id': '4' }
    const { body } = await fetch(`${base}/guid-events`, { headers, signal: ending.signal })
    let text = ''
    void (async () => {
      for await (const chunk of body ?? []) text += Buffer.from(chunk).toString()
    })().catch(() => {})
    await world.post(`/guid/${newGuid()}`, { user: 'late' })
    await until(() => text.includes('"user":"late"'), withinMs)
    assert.deepEqual(
      Array.from(text.matchAll(/"user":"([^"]*)"/g), ([, user]) => user),
      ['user-4', 'late'],
    )
  })
}

function testCommands(server: string): void {
  test('An invalid command becomes a dead letter with the reason, and the commands after it are applied', async (t) => {
    const events = freshEvents(server)
    const world = await createWorld(t, { EVENTS_URL: events })
    const queue = await open(t, events)
    await queue.publish('guid.commands', { id: 'nonsense', key: newGuid(), body: '{' })
    const { headers } = await world.post('/guid', { user: 'ada' }, later)
    assert.equal((await outcome(world, headers.location)).status, 'succeeded')
    await until(async () => (await queue.depth('guid.commands.dead')) === 1, withinMs)
    const [dead] = await queue.list('guid.commands.dead')
    assert.equal(dead?.id, 'nonsense')
    assert.equal(dead?.reason, 'The command is not JSON.')
  })

  test('A command that is delivered again, to two workers at the same time, changes nothing', async (t) => {
    const events = freshEvents(server)
    const world = await createWorld(t, { EVENTS_URL: events })
    const guid = newGuid()
    const { headers, json } = await world.post(`/guid/${guid}`, { user: 'ada' }, later)
    await outcome(world, headers.location)
    await world.patch(`/guid/${guid}`, { user: 'eve' })
    const queue = await open(t, events)
    const again = { kind: 'create', guid, user: 'ada', expire: 1_900_000_000 }
    await queue.publishAll(
      'guid.commands',
      // Under two keys, so that both are handled at the same time.
      ['one', 'two'].map((key) => ({ id: json().id, key, body: JSON.stringify(again) })),
    )
    await until(async () => (await queue.depth('guid.commands')) === 0, withinMs)
    assert.equal((await world.get(`/guid/${guid}`)).json().user, 'eve')
    assert.deepEqual(
      (await readEvents(queue, 2)).map(({ body }) => JSON.parse(body).type),
      ['guid.created', 'guid.updated'],
    )
  })

  test('Processes that start and stop under load complete every operation, once and in the order of its GUID', async (t) => {
    const events = freshEvents(server)
    const settings = { EVENTS_URL: events, GUID_DATABASE_URL: `sqlite:${join(folder(t), 'guid.db')}` }
    const first = await createWorld(t, settings)
    const guids = Array.from({ length: 12 }, newGuid)
    const load = Promise.all(guids.map((guid) => acceptChanges(first, guid, 40, 5)))
    await pause(100)
    const second = await createWorld(t, settings)
    await pause(1_500)
    const third = await createWorld(t, settings)
    await second.app.close()
    const accepted = await load
    for (const locations of accepted)
      for (const [i, location] of locations.entries())
        assert.equal((await outcome(third, location)).result.user, `user-${i}`)
    const published = await readEvents(await open(t, events), guids.length * 40)
    for (const guid of guids)
      assert.deepEqual(
        published.filter(({ key }) => key === guid).map(({ body }) => JSON.parse(body).user),
        Array.from({ length: 40 }, (_, i) => `user-${i}`),
      )
  })
}

function testFaults(): void {
  test('When Kafka is killed and restarted under load, no accepted operation is lost or repeated, and guid needs no restart', {
    skip: url === undefined,
    timeout: 120_000,
  }, async (t) => {
    const engine = await startPrivateEngine('kafka')
    t.after(() => engine.dispose())
    const events = freshEvents(engine.url)
    const world = await createWorld(t, { EVENTS_URL: events })
    // The clock runs, so that pauses that are measured by it end.
    const ticking = setInterval(() => world.clock.advance(50), 50)
    t.after(() => clearInterval(ticking))
    const guids = Array.from({ length: 8 }, newGuid)
    const load = Promise.all(guids.map((guid) => acceptChanges(world, guid, 60, 100)))
    await pause(2_000)
    await engine.kill()
    await until(async () => (await world.get('/health/ready')).statusCode === 503, withinMs)
    await engine.restart()
    const accepted = await load
    for (const locations of accepted)
      for (const [i, location] of locations.entries())
        assert.equal((await outcome(world, location)).result.user, `user-${i}`)
    assert.equal((await world.get('/health/ready')).statusCode, 200)
    const published = await readEvents(await open(t, events), guids.length * 60)
    assert.equal(published.length, guids.length * 60)
  })
}

/** Topics under a new prefix. They stay until the engine is removed; empty ones cost nothing. */
function freshEvents(server: string): string {
  return `${server}/test-${randomBytes(6).toString('hex')}.?partitions=4`
}

/** Registers a GUID and changes it, each time through the queue. */
async function acceptChanges(world: World, guid: string, count: number, pauseMs = 0): Promise<string[]> {
  const locations: string[] = []
  for (let i = 0; i < count; i++) {
    const send = i === 0 ? world.post : world.patch
    const response = await send(`/guid/${guid}`, { user: `user-${i}` }, later)
    assert.equal(response.statusCode, 202)
    locations.push(String(response.headers.location))
    if (pauseMs > 0) await pause(pauseMs)
  }
  return locations
}

async function outcome({ get }: World, location: unknown) {
  let operation = { status: 'pending', result: { user: '' } }
  await until(async () => {
    operation = (await get(String(location))).json()
    return operation.status !== 'pending'
  }, withinMs)
  return operation
}

/** All events, without those that were delivered again under the same id. */
async function readEvents(queue: EventStream, count: number): Promise<StreamMessage[]> {
  const found = new Map<string, StreamMessage>()
  let after = 0
  await until(async () => {
    for (const message of await queue.readStream('guid.events', { after, limit: 1_000 })) {
      after = message.position
      if (!found.has(message.id)) found.set(message.id, message)
    }
    return found.size >= count
  }, withinMs)
  assert.equal(found.size, count)
  return [...found.values()]
}

async function open(t: TestContext, url: string): Promise<Queue & EventStream> {
  const queue = await openStreamQueue(url)
  t.after(() => queue.close())
  return queue
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'quintet-kafka-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function newGuid(): string {
  return randomBytes(16).toString('hex').toUpperCase()
}
