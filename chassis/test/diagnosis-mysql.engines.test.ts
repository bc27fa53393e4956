import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase } from '@quintet/chassis/database'
import { diagnose } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { createConnection } from 'mysql2/promise'
import { startPrivateEngine } from '@quintet/backends'
import { migrations } from './database-world.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const server = engineUrl('mysql')
if (server !== undefined) {
  test('mysql: a server configured as the guarantees require is found good, with tables and without', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    t.assert.deepEqual(notGood(await diagnose(url)), [])
    await migrateDatabase(url, { migrations }, 'up')
    t.assert.deepEqual(notGood(await diagnose(url)), [])
  })

  test('mysql: settings that lose or corrupt writes are named', async (t: TestContext) => {
    const engine = await startPrivateEngine('mysql')
    t.after(() => engine.dispose())
    const url = Object.assign(new URL(engine.url), { pathname: '/careless' }).href
    await migrateDatabase(url, { migrations }, 'up')
    const connection = await createConnection({ uri: url, multipleStatements: true })
    await connection.query(`set global innodb_flush_log_at_trx_commit = 2; set global read_only = 1;
      set global max_connections = 50;
      alter table account convert to character set utf8mb4 collate utf8mb4_general_ci`)
    await connection.end()
    const found = notGood(await diagnose(url)).join('\n')
    for (const words of [
      /broken: innodb_flush_log_at_trx_commit is 2/,
      /broken: read_only on/,
      /broken: Text is not compared exactly in account/,
      /weak: max_connections is 50/,
    ])
      t.assert.match(found, words)
  })

  test('mysql: a server that refuses the password is a finding, without the password', async (t: TestContext) => {
    const url = Object.assign(new URL(server), { password: 'not-the-password' }).href
    const [finding] = await diagnose(url)
    t.assert.equal(finding?.verdict, 'broken')
    t.assert.doesNotMatch(String(finding?.text), /not-the-password/)
  })
}

function notGood(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ verdict }) => verdict !== 'good')
    .map(({ verdict, text }) => `${verdict}: ${text}`)
}
