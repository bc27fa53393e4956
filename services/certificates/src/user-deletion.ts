import { prepareQuery, prepareUntilSum, bytesOf } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { CertificatesDatabase } from './database.ts'

/** What one unit removes at most, so that other writes wait for it a few milliseconds. */
const limits = { certificatesMax: 1_000, bytesMax: 4_194_304 }

/**
 * The deletion of users. It takes effect in one unit, which removes the first certificates and marks the user if there are more: nothing
 * of a user that is marked is shown or changed, and its name, email and password are gone. The sweeper removes the rest.
 */
export function createUserDeletion(database: CertificatesDatabase) {
  const statements = prepareStatements(database)

  /** Removes the first certificates of a user that is marked, and the user with the last of them. */
  async function removal(id: number): Promise<readonly Statement[]> {
    const first = await database.read(
      statements.first({ id, limit: limits.certificatesMax, reaches: limits.bytesMax }),
    )
    const end = first.at(-1)?.id ?? 0
    return [statements.removeCertificates({ id, end }), statements.removeUser({ id })]
  }

  return {
    /** The unit that deletes a user, of this version unless it is null; its first statement changes no row if there is none. */
    async unitOf(id: number, version: number | null): Promise<readonly Statement[]> {
      return [statements.mark({ id, version }), ...(await removal(id))]
    },

    /** Removes certificates of users that are marked; resolves to `limit` while there are more. */
    async sweep(limit: number): Promise<number> {
      const [marked] = await database.read(statements.marked({}))
      if (marked === undefined) return 0
      await database.commit(await removal(marked.id))
      return limit
    },
  }
}

function prepareStatements({ query: db }: CertificatesDatabase) {
  return {
    mark: prepareQuery((p: Placeholders<{ id: number; version: number | null }>) =>
      db
        .updateTable('user')
        .set((row) => ({
          deleted: 1,
          name: '',
          email: '',
          // That of an email has an @.
          email_key: sql<string>`'deleted:' || cast(id as varchar(20))`,
          password_hash: '',
          version: row('version', '+', 1),
        }))
        .where('id', '=', p.id)
        .where('deleted', '=', 0)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version'))),
    ),
    first: prepareUntilSum(
      db,
      (p: Placeholders<{ id: number; limit: number; reaches: number }>) =>
        db
          .selectFrom('certificate')
          .select('id')
          .select(bytesOf('body', 'ciphertext', 'x509').as('bytes'))
          .where('user_id', '=', p.id)
          .orderBy('id')
          .limit(p.limit),
      { column: 'bytes', orderBy: ['id'] },
    ),
    removeCertificates: prepareQuery((p: Placeholders<{ id: number; end: number }>) =>
      db
        .deleteFrom('certificate')
        .where('user_id', '=', p.id)
        .where('id', '<=', p.end)
        .where(({ exists, selectFrom }) =>
          exists(selectFrom('user').select('user.id').where('user.id', '=', p.id).where('deleted', '=', 1)),
        ),
    ),
    removeUser: prepareQuery((p: Placeholders<{ id: number }>) =>
      db
        .deleteFrom('user')
        .where('id', '=', p.id)
        .where('deleted', '=', 1)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('certificate').select('certificate.id').where('user_id', '=', p.id))),
        ),
    ),
    marked: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom('user').select('id').where('deleted', '=', sql.lit(1)).orderBy('id').limit(1),
    ),
  }
}
