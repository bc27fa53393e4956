import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { testDatabase } from './database-contract.ts'
import { migrations, open } from './database-world.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const server = engineUrl('postgres')
if (server !== undefined) {
  testDatabase('postgres', () => freshDatabaseOn(server))

  test('postgres: of twenty that migrate a missing database at the same time, each migration is applied by one', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const migrating = Array.from({ length: 20 }, () => migrateDatabase(url, { migrations }, 'up'))
    const done = (await Promise.all(migrating)).flat()
    t.assert.deepEqual(done.toSorted(), ['0001-create-account', '0002-create-outbox'])
  })

  test('postgres: a whole number that a unit returns is exact, however large it is and however the unit is executed', async (t: TestContext) => {
    const { query, commit } = await open(t, freshDatabaseOn(server))
    const large = sql`select cast(9007199254740993 as bigint) as large, 9007199254740991 as small, '1234567890123456789' as text`
    for (let round = 0; round < 4; round += 1) {
      const [result] = (await commit([large.compile(query)])).results
      const row = result?.rows[0]
      t.assert.equal(BigInt(String(row?.large)), 9007199254740993n)
      t.assert.equal(Number(row?.small), 9007199254740991)
      t.assert.equal(row?.text, '1234567890123456789')
    }
  })
}
