import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { prepareCertificateStatements } from '../src/certificate-statements.ts'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { threadMs } from './thread-ms.ts'

/** Inactive certificates of a user, of which reading all takes about 8 milliseconds. */
const inactive = 100_000

test('A page of active certificates takes no longer however many inactive ones are between them', async (t) => {
  const database = await openDatabase<CertificatesTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const { query } = database
  const ada = { name: 'Ada', email: 'a', email_key: 'a', password_hash: '', version: 1 }
  await query.insertInto('user').values(ada).execute()
  await sql`
    insert into certificate (uid, user_id, active, version, key_id, wrapped_key, ciphertext, body)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${inactive})
    select i, 1, i in (1, ${inactive}), 1, 'k', 'w', 'c', 'x' from n`.execute(query)
  const { listActive } = prepareCertificateStatements(database)
  const rounds = 20
  const before = threadMs()
  for (let round = 0; round < rounds; round += 1) {
    const rows = await listActive({ userId: 1, after: 0, limit: 100, reaches: 65_536 })
    assert.deepEqual(
      rows.map(({ id }) => id),
      [1, inactive],
    )
  }
  const pageMs = (threadMs() - before) / rounds
  assert.ok(pageMs < 2, `${pageMs} ms`)
})
