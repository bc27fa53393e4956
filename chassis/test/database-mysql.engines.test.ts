import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase } from '@quintet/chassis/database'
import { testDatabase } from './database-contract.ts'
import { migrations } from './database-world.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const server = engineUrl('mysql')
if (server !== undefined) {
  testDatabase('mysql', () => freshDatabaseOn(server))

  test('mysql: of twenty that migrate a missing database at the same time, each migration is applied by one', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const migrating = Array.from({ length: 20 }, () => migrateDatabase(url, { migrations }, 'up'))
    const done = (await Promise.all(migrating)).flat()
    t.assert.deepEqual(done.toSorted(), ['0001-create-account', '0002-create-outbox'])
  })
}
