import { prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { emailKeyOf } from './email-key.ts'

export type CredentialStore = ReturnType<typeof createCredentialStore>

/** The password hashes of users. They are read for a login alone, and never cached. */
export function createCredentialStore(database: CertificatesDatabase) {
  const statements = prepareStatements(database.query)
  return {
    /** Of the user with this email; undefined if there is none. */
    async find(email: string): Promise<{ id: number; passwordHash: string } | undefined> {
      const emailKey = emailKeyOf(email)
      if (emailKey === undefined) return undefined
      const [row] = await database.read(statements.find({ emailKey }))
      return row && { id: row.id, passwordHash: row.password_hash }
    },

    /** Replaces an outdated hash of the same password, unless it was replaced meanwhile. */
    async upgrade(id: number, from: string, to: string): Promise<void> {
      await database.commit([statements.upgrade({ id, from, to })])
    },
  }
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    find: prepareQuery((p: Placeholders<{ emailKey: string }>) =>
      db.selectFrom('user').select(['id', 'password_hash']).where('email_key', '=', p.emailKey),
    ),
    upgrade: prepareQuery((p: Placeholders<{ id: number; from: string; to: string }>) =>
      db
        .updateTable('user')
        .set({ password_hash: p.to })
        .where('id', '=', p.id)
        .where('password_hash', '=', p.from),
    ),
  }
}
