import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateUp, withMigrator } from '@quintet/chassis/database'
import pg from 'pg'
import { testDatabase } from './database-contract.ts'

const engine = process.env.ENGINE_POSTGRES

if (engine === undefined) {
  test('PostgreSQL is not here: set ENGINE_POSTGRES, or run npm run backends -- up postgres', {
    skip: true,
  }, () => {})
} else {
  testDatabase('postgres', (t) => createUrl(t, engine))

  test('postgres: twenty that migrate a database at once which is not there all find it made', async (t: TestContext) => {
    const url = createUrl(t, engine)
    const migrations = new URL('./migrations/', import.meta.url)
    const migrate = () => withMigrator(url, { migrations }, migrateUp)
    const done = await Promise.all(Array.from({ length: 20 }, migrate))
    t.assert.equal(done.filter((names) => names.length > 0).length, 1)
  })
}

/** A database that does not exist yet, and will not after the test. */
function createUrl(t: TestContext, engine: string): string {
  const name = `test_${randomBytes(6).toString('hex')}`
  t.after(async () => {
    const client = new pg.Client(engine)
    await client.connect()
    await client.query(`drop database if exists ${name} with (force)`)
    await client.end()
  })
  return Object.assign(new URL(engine), { pathname: `/${name}` }).href
}
