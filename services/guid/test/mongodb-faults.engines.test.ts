import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import { openStreamQueue } from '@quintet/chassis/queue'
import { engineUrl, freshDatabaseOn, until } from '@quintet/chassis/testing'
import { openMongoConnection } from '../src/mongodb/connection.ts'
import { migrateStorage } from '../src/storage.ts'
import { createWorld } from './world.ts'
import type { World } from './world.ts'

const server = engineUrl('mongodb')
const withinMs = 60_000
const hundred = Array.from({ length: 100 }, (_, i) => i)
const later = { prefer: 'respond-async' }

if (server !== undefined) {
  testProcesses(server)
  testFaults()
}

function testProcesses(server: string): void {
  test('mongodb: of 100 parallel registrations through two processes one is 201, and of 100 conditional writers one is 200', async (t: TestContext) => {
    const { worlds, guid } = await createWorlds(t, server)
    const through = (i: number) => worlds[i % 2] ?? worlds[0]
    const registered = await Promise.all(
      hundred.map((i) => through(i).post(`/guid/${guid}`, { user: `${i}` })),
    )
    t.assert.deepEqual(countsOf(registered), { 201: 1, 409: 99 })
    const { etag } = (await worlds[0].get(`/guid/${guid}`)).headers
    const changed = await Promise.all(
      hundred.map((i) => through(i).patch(`/guid/${guid}`, { user: `${i}` }, { 'if-match': String(etag) })),
    )
    t.assert.deepEqual(countsOf(changed), { 200: 1, 412: 99 })
  })

  test('mongodb: unconditional writers in two processes all succeed, each with its own version', async (t: TestContext) => {
    const { worlds, guid } = await createWorlds(t, server)
    await worlds[0].post(`/guid/${guid}`, { user: 'ada' })
    const changed = await Promise.all(
      hundred.map((i) => (worlds[i % 2] ?? worlds[0]).patch(`/guid/${guid}`, { user: `${i}` })),
    )
    t.assert.deepEqual(countsOf(changed), { 200: 100 })
    t.assert.equal(new Set(changed.map(({ headers }) => headers.etag)).size, 100)
  })

  test('mongodb: commands are applied in the order of acceptance, even when the clock of one process is behind', async (t: TestContext) => {
    const { worlds, guid } = await createWorlds(t, server)
    worlds[1].clock.advance(-30_000)
    const locations: string[] = []
    for (let i = 0; i < 20; i++) {
      const { post, patch } = worlds[i % 2] ?? worlds[0]
      const { headers } = await (i === 0 ? post : patch)(`/guid/${guid}`, { user: `user-${i}` }, later)
      locations.push(String(headers.location))
    }
    for (const [i, location] of locations.entries())
      t.assert.equal((await outcome(worlds[0], location)).result.user, `user-${i}`)
  })
}

function testFaults(): void {
  test('mongodb: when the server is killed and restarted under load, nothing acknowledged is lost or repeated, and guid needs no restart', {
    timeout: 180_000,
  }, async (t: TestContext) => {
    const { engine, world, events } = await onPrivateEngine(t)
    let stopped = false
    let acknowledged = 0
    const statuses = new Set<number>()
    const users: string[] = []
    const client = async (name: string) => {
      for (let i = 0; !stopped; i++) {
        const user = `${name}-${i}`
        users.push(user)
        // As a client would, it retries until it has a response.
        for (let status = 0; status !== 201; ) {
          const prefer = i % 4 === 3 ? later : {}
          status = (await world.post('/guid', { user }, { ...prefer, 'idempotency-key': user })).statusCode
          statuses.add(status)
          if (status === 202) break
          if (status !== 201) await pause(50)
        }
        acknowledged += 1
      }
    }
    const load = Promise.all(Array.from({ length: 8 }, (_, i) => client(`c${i}`)))
    await until(() => acknowledged > 100, withinMs)
    await engine.kill()
    await until(async () => (await world.get('/health/ready')).statusCode === 503, withinMs)
    await engine.restart()
    const before = acknowledged
    await until(() => acknowledged > before + 100, withinMs)
    stopped = true
    await load
    t.assert.equal((await world.get('/health/ready')).statusCode, 200)
    t.assert.deepEqual(
      [...statuses].filter((status) => ![201, 202, 409, 503].includes(status)),
      [],
    )
    await until(async () => (await createdUsers(events, users.length)).length >= users.length, withinMs)
    t.assert.equal(await deadLetters(events), 0)
    const stored = (await allOf(world)).map(({ user }) => user)
    t.assert.deepEqual(stored.sort(), users.sort())
    t.assert.deepEqual((await createdUsers(events, users.length)).sort(), users.sort())
  })

  test('mongodb: guid starts while the server is unavailable, reports that, and serves once it is available', {
    timeout: 120_000,
  }, async (t: TestContext) => {
    const engine = await startPrivateEngine('mongodb')
    t.after(() => engine.dispose())
    await migrateStorage(engine.url, 'up')
    await engine.stop()
    const world = await createWorld(t, { GUID_DATABASE_URL: engine.url })
    const refused = await world.post('/guid', { user: 'ada' })
    t.assert.equal(refused.statusCode, 503)
    t.assert.match(refused.json().type, /dependency-down/)
    t.assert.equal((await world.get('/health/ready')).statusCode, 503)
    await engine.restart()
    await until(async () => (await world.post('/guid', { user: 'ada' })).statusCode === 201, withinMs)
    t.assert.equal((await world.get('/health/ready')).statusCode, 200)
    t.assert.equal((await allOf(world)).length, 1)
  })

  test('mongodb: a server that hangs delays requests for at most 10 s, and their effects are found by their keys when it resumes', {
    timeout: 120_000,
  }, async (t: TestContext) => {
    const { engine, world } = await onPrivateEngine(t)
    const post = (user: string) => world.post('/guid', { user }, { 'idempotency-key': user })
    t.assert.equal((await post('before')).statusCode, 201)
    engine.pause()
    const startedAt = performance.now()
    const hung = await Promise.all(['a', 'b', 'c'].map(post))
    t.assert.deepEqual(countsOf(hung), { 503: 3 })
    t.assert.ok(performance.now() - startedAt < 10_000)
    engine.resume()
    for (const user of ['a', 'b', 'c'])
      await until(async () => (await post(user)).statusCode === 201, withinMs)
    t.assert.deepEqual((await allOf(world)).map(({ user }) => user).sort(), ['a', 'b', 'before', 'c'])
  })

  test('mongodb: before the collections are created nothing is written, and the refusal says what to run', async (t: TestContext) => {
    if (server === undefined) return
    const url = freshDatabaseOn(server)
    const world = await createWorld(t, { GUID_DATABASE_URL: url })
    const refused = await world.post('/guid', { user: 'ada' })
    t.assert.equal(refused.statusCode, 503)
    t.assert.match(refused.json().detail, /run quintet migrate up/)
    t.assert.deepEqual(await migrateStorage(url, 'status'), ['0001-create-guid pending'])
    t.assert.deepEqual(await migrateStorage(url, 'up'), ['0001-create-guid'])
    t.assert.equal((await world.post('/guid', { user: 'ada' })).statusCode, 201)
    t.assert.deepEqual(await migrateStorage(url, 'down'), ['0001-create-guid'])
    t.assert.deepEqual(await migrateStorage(url, 'status'), ['0001-create-guid pending'])
  })

  test('mongodb: reverting the migration names the collection if it does not exist, and goes on after an interruption', async (t: TestContext) => {
    if (server === undefined) return
    const url = freshDatabaseOn(server)
    const message = /^The collection \S+\.guids does not exist, so there is nothing to revert\.$/
    await t.assert.rejects(migrateStorage(url, 'down'), { code: 'conflict', message })
    await migrateStorage(url, 'up')
    const connection = openMongoConnection(url)
    t.after(() => connection.close())
    await connection.write(() => connection.collection('control').drop())
    t.assert.deepEqual(await migrateStorage(url, 'down'), ['0001-create-guid'])
    await t.assert.rejects(migrateStorage(url, 'down'), { code: 'conflict', message })
  })
}

/** Two processes over one database and one queue. */
async function createWorlds(t: TestContext, server: string) {
  const settings = { GUID_DATABASE_URL: freshDatabaseOn(server), EVENTS_URL: freshQueue(t) }
  await migrateStorage(settings.GUID_DATABASE_URL, 'up')
  const worlds = [await createWorld(t, settings), await createWorld(t, settings)] as const
  return { worlds, guid: randomBytes(16).toString('hex').toUpperCase() }
}

/** A world with an engine of its own to kill or pause, and a running clock, so that pauses that are measured by it end. */
async function onPrivateEngine(t: TestContext) {
  const engine = await startPrivateEngine('mongodb')
  t.after(() => engine.dispose())
  await migrateStorage(engine.url, 'up')
  const events = freshQueue(t)
  const world = await createWorld(t, { GUID_DATABASE_URL: engine.url, EVENTS_URL: events })
  let at = performance.now()
  const ticking = setInterval(() => {
    const elapsedMs = Math.floor(performance.now() - at)
    at += elapsedMs
    world.clock.advance(elapsedMs)
  }, 20)
  t.after(() => clearInterval(ticking))
  return { engine, world, events }
}

function freshQueue(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-mongodb-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'queue.db')}`
}

async function outcome({ get }: World, location: string) {
  let operation = { status: 'pending', result: { user: '' } }
  await until(async () => {
    operation = (await get(location)).json()
    return operation.status !== 'pending'
  }, withinMs)
  return operation
}

async function allOf({ get }: World): Promise<{ user: string }[]> {
  const all: { user: string }[] = []
  for (let url: string | undefined = '/guids?limit=500'; url !== undefined; ) {
    const page: Awaited<ReturnType<typeof get>> = await get(url)
    all.push(...page.json())
    url = /<(.+)>; rel="next"/.exec(String(page.headers.link))?.[1]
  }
  return all
}

/** The users of all created events, without those that were delivered again under the same id. */
async function createdUsers(url: string, count: number): Promise<string[]> {
  const queue = await openStreamQueue(url)
  try {
    const messages = await queue.readStream('guid.events', { limit: count * 3 })
    const unique = new Map(messages.map(({ id, body }) => [id, JSON.parse(body)]))
    return [...unique.values()].filter(({ type }) => type === 'guid.created').map(({ user }) => user)
  } finally {
    await queue.close()
  }
}

async function deadLetters(url: string): Promise<number> {
  const queue = await openStreamQueue(url)
  try {
    return await queue.depth('guid.commands.dead')
  } finally {
    await queue.close()
  }
}

function countsOf(responses: readonly { statusCode: number }[]): Record<number, number> {
  const groups = Map.groupBy(responses, ({ statusCode }) => statusCode)
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]))
}
