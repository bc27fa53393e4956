import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import { createSqlArbiter, openCache } from '@quintet/chassis/cache'
import type { Entry } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Database } from '@quintet/chassis/database'
import { faultsDatabaseOn, raised, startEngine } from './database-faults.ts'
import { add } from './database-world.ts'
import { openWithControl } from './cache-world.ts'
import type { Tables } from './database-world.ts'
import { hangCommits } from './hung-commits.ts'
import { testTimes } from './memory-arbiter.ts'
import { engineUrl, until } from './testing.ts'

/** Writes whose commits hang for longer than their markers are valid. */

const markerMs = 300
const namespace = 'hung'
/** Each connection makes what units of this shape need, which is committed too and must not be what hangs. */
const writesBefore = 60

if (engineUrl('redis') !== undefined && engineUrl('postgres') !== undefined) {
  test('A commit that hangs for longer than its marker, and whose writer was killed, is in every read once it is in the database', async (t: TestContext) => {
    const { databaseUrl, cacheUrl, database, readBalance, readCached } = await createWorld(t)
    const writer = fork(new URL('./cache-process.ts', import.meta.url), [
      databaseUrl,
      cacheUrl,
      namespace,
      `${markerMs}`,
    ])
    t.after(() => writer.kill('SIGKILL'))
    await until(async () => (await readBalance()) > writesBefore)
    const hung = await hangCommits(databaseUrl)
    await until(async () => (await hung.count()) === 1)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    const before = await readBalance()
    await readBeyondTheMarker(readCached, before)
    await hung.release()
    await untilSettled(database)
    assert.equal(await readCached(), await readBalance())
  })

  test('A retry that gets the outcome of a write whose commit hung for longer than its marker leaves no older value in the cache', async (t: TestContext) => {
    const { databaseUrl, cache, database, readBalance, readCached } = await createWorld(t)
    const write = () =>
      cache.write(
        ['a'],
        (deadline) => database.commit([raised(database, 'a')], deadline),
        () => undefined,
      )
    for (let i = 0; i < writesBefore; i++) await write()
    const hung = await hangCommits(databaseUrl)
    await assert.rejects(
      Promise.all([write(), readBeyondTheMarker(readCached, writesBefore)]),
      /did not confirm/,
    )
    await hung.release()
    // What a retry with the key of the request would be answered from.
    await untilSettled(database)
    const balance = await readBalance()
    assert.equal(await readCached(), balance)
    // And the key is cached again.
    const { hit } = cache.stats().reads
    await until(async () => {
      assert.equal(await readCached(), balance)
      return cache.stats().reads.hit > hit
    })
  })
}

/** Waits until the commit that hung has ended. */
async function untilSettled({ settle }: Pick<Database<Tables>, 'settle'>): Promise<void> {
  await until(() =>
    settle().then(
      () => true,
      () => false,
    ),
  )
}

/** While the commit hangs, reads return the old value, which they could put into the cache. */
async function readBeyondTheMarker(readCached: () => Promise<number>, before: number): Promise<void> {
  for (const startedAt = performance.now(); performance.now() - startedAt < 4 * markerMs; await pause(20))
    assert.equal(await readCached(), before)
}

/** An account `a` with a balance of 0 in PostgreSQL, read through a cache in Redis. */
async function createWorld(t: TestContext) {
  const [postgres, redis] = await Promise.all([startEngine(t, 'postgres'), startPrivateEngine('redis')])
  t.after(() => redis.dispose())
  const databaseUrl = faultsDatabaseOn(postgres)
  const database = await openWithControl(t, databaseUrl)
  await add(database.query, 'a', 0).execute()
  const cache = await openCache(redis.url, {
    clock: systemClock,
    namespace,
    arbiter: createSqlArbiter(database),
    times: { ...testTimes, markerMs },
  })
  t.after(() => cache.close())
  await until(() => cache.stats().control?.mode === 'on')
  const find = database.query.selectFrom('account').select('balance').where('id', '=', 'a').compile()
  const readBalance = async () => Number((await database.read(find))[0]?.balance)
  const load = async (): Promise<Entry> => {
    const balance = await readBalance()
    return { version: balance, expiresAtMs: Number.POSITIVE_INFINITY, text: '' }
  }
  const readCached = async () => Number((await cache.read('a', load))?.version)
  return { databaseUrl, cacheUrl: redis.url, cache, database, readBalance, readCached }
}
