import { ConfigError } from '@quintet/chassis/config'
import { databaseExists, openDatabase, prepareQuery } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'
import type { CertificatesConfig } from './config.ts'
import { migrations } from './database.ts'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { createEnvelopes, DecryptionError } from './envelope.ts'
import type { Envelopes } from './envelope.ts'
import { openKeyring } from './key-check.ts'
import type { Keyring } from './keyring.ts'

const rowsPerBatchMax = 200

/** How many records were moved to the current key, and which could not be decrypted and are unchanged. */
type Rewrapped = { moved: number; broken: { id: number; reason: string }[] }

/** Moves all records to the current key. The service may be running; the run may be interrupted and repeated. */
export async function rewrapCertificates(config: CertificatesConfig): Promise<Rewrapped & { keyId: string }> {
  const url = config.CERTIFICATES_DATABASE_URL
  if (!(await databaseExists(url)))
    throw new ConfigError([
      'The database of CERTIFICATES_DATABASE_URL does not exist, so it holds no private keys.',
    ])
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  try {
    const keyring = await openKeyring(config, database)
    return { ...(await rewrapAll(database, keyring)), keyId: keyring.current.id }
  } finally {
    await database.close()
  }
}

/** In bounded batches by ascending id. A record that was rewrapped or deleted meanwhile is skipped. */
async function rewrapAll(database: CertificatesDatabase, keyring: Keyring): Promise<Rewrapped> {
  const envelopes = createEnvelopes(keyring)
  const statements = prepareStatements(database.query)
  const broken: Rewrapped['broken'] = []
  let moved = 0
  for (let after = 0; ; ) {
    const page = { keyId: keyring.current.id, after, limit: rowsPerBatchMax }
    const rows = await database.read(statements.others(page))
    const unit = rows.flatMap((row) => rewrap(row, envelopes, statements, broken))
    const { results } = await database.commit(unit)
    for (const { changes } of results) moved += changes
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerBatchMax) return { moved, broken }
    after = last.id
  }
}

type Statements = ReturnType<typeof prepareStatements>
type EncryptedRow = {
  id: number
  uid: string
  user_id: number
  key_id: string
  wrapped_key: string
  ciphertext: string
}

function rewrap(
  row: EncryptedRow,
  envelopes: Envelopes,
  statements: Statements,
  broken: Rewrapped['broken'],
): Statement[] {
  const { id, uid, user_id: userId, key_id: keyId, wrapped_key: from, ciphertext } = row
  try {
    const envelope = envelopes.rewrap({ keyId, wrappedKey: from, ciphertext }, { uid, userId })
    return [statements.rewrap({ id, from, to: envelope.wrappedKey, keyId: envelope.keyId })]
  } catch (error) {
    if (!(error instanceof DecryptionError)) throw error
    broken.push({ id, reason: error.message })
    return []
  }
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    others: prepareQuery((p: Placeholders<{ keyId: string; after: number; limit: number }>) =>
      db
        .selectFrom('certificate')
        .select(['id', 'uid', 'user_id', 'key_id', 'wrapped_key', 'ciphertext'])
        .where('key_id', '<>', p.keyId)
        .where('id', '>', p.after)
        .orderBy('id')
        .limit(p.limit),
    ),
    rewrap: prepareQuery((p: Placeholders<{ id: number; from: string; to: string; keyId: string }>) =>
      db
        .updateTable('certificate')
        .set({ wrapped_key: p.to, key_id: p.keyId })
        .where('id', '=', p.id)
        .where('wrapped_key', '=', p.from),
    ),
  }
}
