import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { createApp } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { hold } from '@quintet/chassis/testing/held-rows'
import { createCachedGuidStore } from '../src/cached-guid-store.ts'
import { entryOf } from '../src/guid.ts'
import { guidListRoutes } from '../src/guid-list-routes.ts'
import type { GuidStore } from '../src/port.ts'
import { openStorage } from '../src/storage.ts'
import { createSharedDatabase, createWorld, startMs, startSeconds } from './world.ts'

const server = process.env.TEST_DATABASE ?? 'sqlite:'
/** MongoDB has no lock that a change could wait for. */
const hasLocks = !server.startsWith('mongodb:')
const isSqlite = server.startsWith('sqlite:')

const newGuid = () => randomUUID().replaceAll('-', '').toUpperCase()

/** The statements that lock the row of a GUID; on SQLite they lock the whole database. */
function lockRow(url: string, guid: string): string[] {
  return url.startsWith('sqlite:')
    ? ['begin immediate']
    : ['begin', `select id from guid where guid = '${guid}' for update`]
}

/** A service by the clock of the machine. */
async function createRealWorld(t: TestContext) {
  const GUID_DATABASE_URL = await createSharedDatabase(t)
  const settings = { GUID_DATABASE_URL }
  const world = await createWorld(t, settings, { clock: systemClock })
  // Whatever is made at the first use is made.
  const { headers } = await world.post(`/guid/${newGuid()}`, { user: 'first' })
  for (let i = 0; i < 3; i++) await world.patch(String(headers.location), { user: 'first' })
  return { ...world, url: GUID_DATABASE_URL }
}

type RealWorld = Awaited<ReturnType<typeof createRealWorld>>

/** A second that begins soon, and not at once. */
const soon = () => Math.ceil((Date.now() + 1_000) / 1_000)

async function untilSecond(expire: number, lateMs: number): Promise<void> {
  await pause(Math.max(0, expire * 1_000 + lateMs - Date.now()))
}

async function registerUntil(world: RealWorld, expire: number): Promise<string> {
  const guid = newGuid()
  assert.equal((await world.post(`/guid/${guid}`, { user: 'ada', expire })).statusCode, 201)
  return guid
}

/** A GUID whose second begins soon, and the lock that a change of it waits for. */
async function createExpiring(t: TestContext) {
  const world = await createRealWorld(t)
  const expire = soon()
  const guid = await registerUntil(world, expire)
  return { world, expire, guid, locked: { url: world.url, statements: lockRow(world.url, guid) } }
}

/** Makes a request that waits for a lock across the second. */
async function acrossSecond<R>(
  t: TestContext,
  expire: number,
  locked: { url: string; statements: readonly string[] },
  request: () => Promise<R>,
): Promise<R> {
  await untilSecond(expire, -400)
  const lock = await hold(t, locked.url, locked.statements)
  const response = request()
  await untilSecond(expire, 100)
  await lock.release()
  return response
}

async function assertGone(world: RealWorld, guid: string): Promise<void> {
  assert.equal((await world.get(`/guid/${guid}`)).statusCode, 404)
  assert.equal((await world.patch(`/guid/${guid}`, { user: 'late' })).statusCode, 404)
  const listed: { guid: string }[] = (await world.get('/guids')).json()
  assert.ok(listed.every((one) => one.guid !== guid))
}

test('A GUID is shown until its second by the clock of the database, and not after, whatever is cached', async (t) => {
  const world = await createRealWorld(t)
  const expire = soon()
  const guid = await registerUntil(world, expire)
  let shown = 0
  for (let sentAt = Date.now(); ; sentAt = Date.now()) {
    const { statusCode } = await world.get(`/guid/${guid}`)
    const { length } = (await world.get('/guids')).json().filter((one: { guid: string }) => one.guid === guid)
    if (statusCode === 404) break
    assert.ok(sentAt < expire * 1_000)
    assert.ok(length === 1 || Date.now() >= expire * 1_000 - 100)
    shown += 1
  }
  assert.ok(shown > 0)
  assert.ok(Date.now() >= expire * 1_000 - 100)
  await assertGone(world, guid)
})

for (const change of [{ user: 'eve' }, { expire: 4_000_000_000 }, { user: 'eve', expire: 4_000_000_000 }])
  test(`PATCH with ${Object.keys(change)} that waits until its GUID has expired is 404 and changes nothing`, {
    skip: !hasLocks,
  }, async (t) => {
    const { world, expire, guid, locked } = await createExpiring(t)
    const response = await acrossSecond(t, expire, locked, () => world.patch(`/guid/${guid}`, change))
    assert.equal(response.statusCode, 404)
    await assertGone(world, guid)
  })

test('PATCH under If-Match that waits until its GUID has expired is 404', { skip: !hasLocks }, async (t) => {
  const { world, expire, guid, locked } = await createExpiring(t)
  const { etag } = (await world.get(`/guid/${guid}`)).headers
  const change = { expire: 4_000_000_000 }
  const response = await acrossSecond(t, expire, locked, () =>
    world.patch(`/guid/${guid}`, change, { 'if-match': etag }),
  )
  assert.equal(response.statusCode, 404)
  await assertGone(world, guid)
})

test('PATCH with an expiry that passes while it waits is 400 and changes nothing', {
  skip: !hasLocks,
}, async (t) => {
  const world = await createRealWorld(t)
  const guid = await registerUntil(world, 4_000_000_000)
  const expire = soon()
  const locked = { url: world.url, statements: lockRow(world.url, guid) }
  const response = await acrossSecond(t, expire, locked, () =>
    world.patch(`/guid/${guid}`, { user: 'eve', expire }),
  )
  assert.equal(response.statusCode, 400)
  assert.deepEqual((await world.get(`/guid/${guid}`)).json(), { guid, user: 'ada', expire: '4000000000' })
})

test('DELETE that waits until its GUID has expired is 404', { skip: !hasLocks }, async (t) => {
  const { world, expire, guid, locked } = await createExpiring(t)
  const response = await acrossSecond(t, expire, locked, () => world.delete(`/guid/${guid}`))
  assert.equal(response.statusCode, 404)
  await assertGone(world, guid)
})

test('POST that waits until its expiry has passed is 400, and stores nothing', {
  skip: !hasLocks,
}, async (t) => {
  const world = await createRealWorld(t)
  const guid = newGuid()
  const expire = soon()
  // Another registration of the GUID, which makes room in the end.
  const statements = isSqlite
    ? ['begin immediate']
    : [
        'begin',
        `insert into guid (guid, ${server.startsWith('postgres') ? '"user"' : 'user'}, expire, version) values ('${guid}', 'eve', ${expire}, 1)`,
        `delete from guid where guid = '${guid}'`,
      ]
  const locked = { url: world.url, statements }
  const key = { 'idempotency-key': guid }
  const response = await acrossSecond(t, expire, locked, () =>
    world.post(`/guid/${guid}`, { user: 'ada', expire }, key),
  )
  assert.equal(response.statusCode, 400)
  assert.match(response.json().errors.expire, /future/)
  await assertGone(world, guid)
  // Nor was a response recorded.
  const later = { user: 'ada', expire: 4_000_000_000 }
  assert.equal((await world.post(`/guid/${guid}`, later, key)).statusCode, 201)
})

test('POST of a generated GUID that waits until its expiry has passed is 400', {
  skip: !isSqlite,
}, async (t) => {
  const world = await createRealWorld(t)
  const expire = soon()
  const locked = { url: world.url, statements: ['begin immediate'] }
  const response = await acrossSecond(t, expire, locked, () => world.post('/guid', { user: 'ada', expire }))
  assert.equal(response.statusCode, 400)
  const { length } = (await world.get('/guids?user=ada')).json()
  assert.equal(length, 0)
})

test('An accepted change that waits until its GUID has expired fails, and changes nothing', {
  skip: !hasLocks || isSqlite,
}, async (t) => {
  const { world, expire, guid, locked } = await createExpiring(t)
  const change = { expire: 4_000_000_000 }
  const { headers } = await acrossSecond(t, expire, locked, () =>
    world.patch(`/guid/${guid}`, change, { prefer: 'respond-async' }),
  )
  const operation = async () => (await world.get(String(headers.location))).json()
  await until(async () => (await operation()).status !== 'pending')
  const { status, problem } = await operation()
  assert.equal(status, 'failed')
  assert.equal(problem.status, 404)
  await assertGone(world, guid)
})

test('A GUID whose change shares a transaction with one that waits for a lock does not come back after its second', {
  skip: !hasLocks,
}, async (t) => {
  const world = await createRealWorld(t)
  const expire = soon()
  const guid = await registerUntil(world, expire)
  const other = await registerUntil(world, 4_000_000_000)
  const locked = { url: world.url, statements: lockRow(world.url, other) }
  const statuses: number[] = []
  const change = { expire: 4_000_000_000 }
  await acrossSecond(t, expire, locked, async () => {
    await untilSecond(expire, -50)
    const changes = [other, guid].map((one) => world.patch(`/guid/${one}`, change))
    const isOver = Promise.all(changes).then(() => true)
    while (!(await Promise.race([isOver, pause(10)])))
      statuses.push((await world.get(`/guid/${guid}`)).statusCode)
  })
  statuses.push((await world.get(`/guid/${guid}`)).statusCode)
  const gone = statuses.indexOf(404)
  assert.ok(gone < 0 || statuses.slice(gone).every((status) => status === 404), statuses.join(' '))
})

test('What expires between its commit and the response counts as expired', async (t) => {
  const storage = await openStorage(await createSharedDatabase(t))
  t.after(storage.close)
  const clock = createManualClock(startMs)
  const { guids: store } = storage.createStores(clock)
  const cache = await openCache('none:', { clock })
  /** The store as it is where the response of the database takes a minute. */
  const slow: GuidStore = {
    ...store,
    async create(...values) {
      const outcome = await store.create(...values)
      clock.advance(60_000)
      return outcome
    },
    async update(...values) {
      const row = await store.update(...values)
      clock.advance(60_000)
      return row
    },
  }
  const guids = createCachedGuidStore({ store: slow, cache, engineClock: clock, wake: () => {} })
  const [one, other] = [newGuid(), newGuid()]
  assert.equal(
    await guids.create({ guid: one, user: 'ada', expire: startSeconds + 60, owner: null }),
    'expired',
  )
  const outcome = await guids.create({ guid: other, user: 'ada', expire: startSeconds + 180, owner: null })
  assert.equal(typeof outcome, 'number')
  assert.equal(await guids.update(other, { user: 'eve' }), undefined)
  for (const guid of [one, other]) assert.equal(await guids.find(guid), undefined)
})

test('A process whose own clock is behind returns no expired GUID of a shared cache before it has read the clock of the database', async (t) => {
  const storage = await openStorage(await createSharedDatabase(t))
  t.after(storage.close)
  const { guids: store } = storage.createStores(createManualClock(startMs))
  const cacheClock = createManualClock(startMs)
  const cache = await openCache('memory:', { clock: cacheClock })
  const guid = newGuid()
  const expired = entryOf({ guid, user: 'ada', expire: startSeconds + 60, version: 1, owner: null })
  await cache.read(guid, () => expired)
  let isDown = true
  const engineClock = {
    ...cacheClock,
    whenRead() {
      if (isDown) return Promise.reject(new AppError('dependency_down', 'The database is down.'))
      cacheClock.set(startMs + 60_000)
      return Promise.resolve()
    },
  }
  const guids = createCachedGuidStore({ store, cache, engineClock, wake: () => {} })
  await assert.rejects(async () => guids.find(guid), { code: 'dependency_down' })
  isDown = false
  assert.equal(await guids.find(guid), undefined)
})

test('A page of which a GUID expires before the response leaves it out, and has its link to the next page', async (t) => {
  const storage = await openStorage(await createSharedDatabase(t))
  t.after(storage.close)
  const clock = createManualClock(startMs)
  const { guids: store } = storage.createStores(clock)
  const cache = await openCache('none:', { clock })
  /** The store as it is where the response of the database takes a minute. */
  const slow: GuidStore = {
    ...store,
    async list(page) {
      const rows = await store.list(page)
      clock.advance(60_000)
      return rows
    },
  }
  const guids = createCachedGuidStore({ store: slow, cache, engineClock: clock, wake: () => {} })
  const [first, second, third] = [newGuid(), newGuid(), newGuid()]
  for (const [i, guid] of [first, second, third].entries())
    await guids.create({ guid, user: 'ada', expire: startSeconds + 60 + i * 3_600, owner: null })
  const logger = createLogger({ service: 'guid', level: 'silent' })
  const app = await createApp({ name: 'guid', title: 'GUIDs', description: 'For a test.', logger })
  t.after(() => app.close())
  guidListRoutes(app, { guids })
  const page = await app.inject('/guids?limit=2')
  const shown = page.json().map(({ guid }: { guid: string }) => guid)
  assert.deepEqual(shown, [second])
  const next = /^<([^>]+)>; rel="next"/.exec(String(page.headers.link))?.[1]
  assert.deepEqual(
    (await app.inject(String(next))).json().map(({ guid }: { guid: string }) => guid),
    [third],
  )
})
