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

  test('postgres: a commit waits for the disk, and a statement sees what was committed while it waited, whatever the options of the URL say; all others of them hold', async (t: TestContext) => {
    const options = encodeURIComponent(
      '-c work_mem=5MB -c synchronous_commit=off --synchronous_commit=local -c default_transaction_isolation=serializable',
    )
    const parameters = [
      `options=${options}`,
      `application_name=x&options=${options}`,
      'application_name=x',
      '',
    ]
    for (const given of parameters) {
      const { query, commit } = await open(t, `${freshDatabaseOn(server)}?${given}`)
      const text = sql`select current_setting('synchronous_commit') as durable, current_setting('work_mem') as memory,
        current_setting('transaction_isolation') as isolation`
      const [result] = (await commit([text.compile(query)])).results
      t.assert.equal(result?.rows[0]?.durable, 'on', given)
      t.assert.equal(result?.rows[0]?.isolation, 'read committed', given)
      t.assert.equal(result?.rows[0]?.memory === '5MB', given.includes('options'), given)
    }
  })
}
