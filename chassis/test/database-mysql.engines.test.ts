import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateUp, withMigrator } from '@quintet/chassis/database'
import { migrations, testDatabase } from './database-contract.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const server = engineUrl('mysql')
if (server !== undefined) {
  testDatabase('mysql', () => freshDatabaseOn(server))

  test('mysql: twenty that migrate a database at once which is not there all find it made', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const migrating = Array.from({ length: 20 }, () => withMigrator(url, { migrations }, migrateUp))
    const done = (await Promise.all(migrating)).flat()
    t.assert.deepEqual(done.toSorted(), ['0001-create-account', '0002-create-outbox'])
  })
}
