import { prepareQuery, prepareUntilSum, bytesOf } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { isVersion } from './certificate-statements.ts'
import type { VersionedRef } from './certificate-statements.ts'
import type { CertificateRef, CertificatesDatabase, CertificatesTables } from './database.ts'
import { notificationBytes, removedBytesMax } from './notification-store.ts'

/** What one unit removes at most, so that other writes wait for it a few milliseconds. */
const limits = { rowsMax: 1_000, bytesMax: 4_194_304 }

export type Deletion = ReturnType<typeof createDeletion>

/**
 * The deletion of users and certificates. It takes effect in one unit, which removes the first certificates of a user and marks it if there
 * are more: nothing of a user that is marked is shown or changed, and its name, email and password are gone. A certificate with many
 * notifications moves to a user that is marked. The sweeper removes the rest.
 */
export function createDeletion(database: CertificatesDatabase) {
  const statements = prepareStatements(database)

  /** Removes the first certificates of a user that is marked, and the user with the last of them; or only notifications where those are many. */
  async function removal(id: number): Promise<readonly Statement[]> {
    const first = await database.read(
      statements.first({ id, limit: limits.rowsMax, reaches: limits.bytesMax }),
    )
    const [start, end] = [first[0]?.id ?? 0, first.at(-1)?.id ?? 0]
    const last = await lastOfMany({ userId: id, start, end })
    if (last !== undefined)
      return [statements.removeNotifications({ id, certificateId: last.certificate_id, end: last.id })]
    return [statements.removeCertificates({ id, end }), statements.removeUser({ id })]
  }

  /** The last notification that one unit may remove, where these certificates have more. */
  async function lastOfMany(range: CertificateRange) {
    const [limit, reaches] = [limits.rowsMax, removedBytesMax]
    const rows = await database.read(statements.firstNotifications({ ...range, limit, reaches }))
    const bytes = rows.reduce((sum, row) => sum + Number(row.bytes), 0)
    return rows.length === limit || bytes >= reaches ? rows.at(-1) : undefined
  }

  return {
    /** The unit that deletes a certificate, of this version unless it is null; its first statement must change a row. */
    async unitOfCertificate(ref: CertificateRef, version: number | null): Promise<readonly Statement[]> {
      const { userId, id } = ref
      if ((await lastOfMany({ userId, start: id, end: id })) === undefined)
        return [{ ...statements.removeCertificate({ ...ref, version }), mustAffectRows: true }]
      const emailKey = `deleted:certificate:${id}`
      return [
        { ...statements.retireCertificate({ ...ref, version }), mustAffectRows: true },
        statements.insertMarked({ emailKey }),
        statements.moveCertificate({ id, emailKey }),
      ]
    },

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

type CertificateRange = { readonly userId: number; readonly start: number; readonly end: number }

function prepareStatements({ query: db }: CertificatesDatabase) {
  return {
    ...prepareOfCertificates(db),
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
    /** Of the certificates of a user, whose ids lie between two. */
    firstNotifications: prepareUntilSum(
      db,
      (p: Placeholders<CertificateRange & { limit: number; reaches: number }>) =>
        db
          .selectFrom('certificate')
          .innerJoin('notification', 'notification.certificate_id', 'certificate.id')
          .select(['notification.certificate_id', 'notification.id', notificationBytes(db).as('bytes')])
          .where('certificate.user_id', '=', p.userId)
          .where('certificate.id', '>=', p.start)
          .where('certificate.id', '<=', p.end)
          .orderBy('certificate.id')
          .orderBy('notification.id')
          .limit(p.limit),
      { column: 'bytes', orderBy: ['certificate_id', 'id'] },
    ),
    /** Those of the certificates of a marked user, up to one of a certificate. */
    removeNotifications: prepareQuery((p: Placeholders<{ id: number; certificateId: number; end: number }>) =>
      db
        .deleteFrom('notification')
        .where('certificate_id', 'in', (row) =>
          row
            .selectFrom('certificate')
            .innerJoin('user', 'user.id', 'certificate.user_id')
            .select('certificate.id')
            .where('user_id', '=', p.id)
            .where('deleted', '=', 1)
            .where('certificate.id', '<=', p.certificateId),
        )
        .where((row) => row.or([row('certificate_id', '<', p.certificateId), row('id', '<=', p.end)])),
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

/** The statements that delete one certificate, or move it to a marked user. */
function prepareOfCertificates(db: Kysely<CertificatesTables>) {
  return {
    removeCertificate: prepareQuery((p: Placeholders<VersionedRef>) =>
      db.deleteFrom('certificate').where(isVersion(p)),
    ),
    /** Locks the row as well, so that of two concurrent deletions one finds no certificate. */
    retireCertificate: prepareQuery((p: Placeholders<VersionedRef>) =>
      db
        .updateTable('certificate')
        .set((row) => ({ notice_at: null, version: row('version', '+', 1) }))
        .where(isVersion(p)),
    ),
    insertMarked: prepareQuery((p: Placeholders<{ emailKey: string }>) =>
      db.insertInto('user').values({
        name: '',
        email: '',
        email_key: p.emailKey,
        password_hash: '',
        version: sql.lit(1),
        deleted: sql.lit(1),
      }),
    ),
    moveCertificate: prepareQuery((p: Placeholders<{ id: number; emailKey: string }>) =>
      db
        .updateTable('certificate')
        .set(({ selectFrom }) => ({
          user_id: selectFrom('user')
            .select('user.id')
            .where('email_key', '=', p.emailKey)
            .$asScalar()
            .$notNull(),
        }))
        .where('id', '=', p.id),
    ),
  }
}
