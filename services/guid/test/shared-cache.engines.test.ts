import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { EngineName } from '@quintet/backends'
import { createFileUrl, engineUrl, freshDatabaseOn, until } from '@quintet/chassis/testing'
import { migrateStorage } from '../src/storage.ts'
import { createWorld } from './world.ts'

/** Two processes over one database and one Redis, which they agree on by the control row of the database. */

const guid = '0123456789ABCDEF'.repeat(2)
const url = `/guid/${guid}`
const redis = engineUrl('redis')
const servers = (['postgres', 'mysql', 'mongodb'] satisfies EngineName[]).flatMap((engine) => {
  const server = engineUrl(engine)
  return server === undefined ? [] : [{ engine, databaseUrl: () => freshDatabaseOn(server) }]
})

if (redis !== undefined)
  test('Two processes share a cache', { concurrency: true }, async (t) => {
    const engines = [{ engine: 'sqlite', databaseUrl: createFileUrl }, ...servers]
    await Promise.all(
      engines.map(({ engine, databaseUrl }) =>
        t.test(
          `${engine}: they use Redis once it is the cache of the database, and each reads what the other has written`,
          async (each) => {
            await testShared(each, databaseUrl(each), redis)
          },
        ),
      ),
    )
  })

async function testShared(t: TestContext, databaseUrl: string, cacheUrl: string): Promise<void> {
  await migrateStorage(databaseUrl, 'up')
  const settings = { GUID_DATABASE_URL: databaseUrl, CACHE_URL: cacheUrl }
  const [one, other] = [await createWorld(t, settings), await createWorld(t, settings)]
  const statusOf = async () => (await one.post(url, { user: 'ada' })).statusCode
  await until(async () => (await statusOf()) === 201)
  for (const [i, world] of [one, other, one, other].entries()) {
    assert.equal((await world.patch(url, { user: `user ${i}` })).statusCode, 200)
    for (const reader of [one, other]) assert.equal((await reader.get(url)).json().user, `user ${i}`)
  }
  for (const world of [one, other])
    await until(async () => {
      assert.equal((await world.get(url)).json().user, 'user 3')
      return /^quintet_cache_reads_total\{(?=[^}]*result="hit")[^}]*\} [1-9]/m.test(
        (await world.get('/metrics')).body,
      )
    })
  assert.equal((await one.delete(url)).statusCode, 204)
  assert.equal((await other.get(url)).statusCode, 404)
}
