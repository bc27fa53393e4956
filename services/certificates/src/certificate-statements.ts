import { prepareBoundedRead, prepareQuery } from '@quintet/chassis/database'
import type { Placeholders, TextColumn } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import { sql } from 'kysely'
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { CertificateRef, CertificatesDatabase, CertificatesTables } from './database.ts'
import type { Envelope } from './envelope.ts'

type Page = { userId: number; after: number; limit: number; reaches: number }
type OwnersPage = ExpiringPage & { owner: Owner }
type ExpiringPage = { before: number; notAfter: number; id: number; limit: number; reaches: number }
type NewRow = Envelope & {
  uid: string
  userId: number
  active: number
  body: string
  notBefore: number | null
  notAfter: number | null
  noticeAt: number | null
  x509: string | null
}

/** The statements on certificates, and the reads of lists. */
export function prepareCertificateStatements(database: CertificatesDatabase) {
  const db = database.query
  return {
    ...prepareReads(database),
    insert: prepareInsert(db),
    setActive: prepareQuery((p: Placeholders<VersionedRef & { active: number }>) =>
      db
        .updateTable('certificate')
        .set((row) => ({ active: p.active, version: row('version', '+', 1) }))
        .where(isVersion(p))
        .where('active', '<>', p.active)
        .returning('version'),
    ),
  }
}

/** Whether the user of a certificate exists: one that is marked as deleted does not. */
const hasUser = sql<boolean>`exists (select 1 from "user" where "user".id = certificate.user_id and "user".deleted = 0)`

/** The condition of a certificate of an existing user that it has this version. */
export function isVersion(p: Placeholders<VersionedRef>) {
  return (row: ExpressionBuilder<CertificatesTables, 'certificate'>) =>
    row.and([
      row('id', '=', p.id),
      row('user_id', '=', p.userId),
      hasUser,
      row('version', '=', row.fn.coalesce(p.version, 'version')),
    ])
}

/** 1 for a certificate whose user does not exist. */
export const isOrphan = sql<number>`case when ${hasUser} then 0 else 1 end`

/** Without a version, any version matches. */
export type VersionedRef = CertificateRef & { version: number | null }

function prepareReads(database: CertificatesDatabase) {
  const db = database.query
  const ofUser = (p: Placeholders<Page>, text: TextColumn) =>
    db
      .selectFrom('certificate')
      .select(['id', 'active', text('body').as('body')])
      .where('user_id', '=', p.userId)
      .where('id', '>', p.after)
      .orderBy('id')
      .limit(p.limit)
  const expiring = (p: Placeholders<ExpiringPage>, text: TextColumn) =>
    db
      .selectFrom('certificate')
      .select(['id', 'user_id', 'active', 'not_after', text('x509').as('x509')])
      // Left out later: a page would take long to find the others among many of a deleted user.
      .select(isOrphan.as('is_orphan'))
      .where('not_after', '<', p.before)
      .where((row) => row(row.refTuple('not_after', 'id'), '>', row.tuple(p.notAfter, p.id)))
      .orderBy('not_after')
      .orderBy('id')
      .limit(p.limit)
  const byExpiry = { texts: ['x509'], orderBy: ['not_after', 'id'] } as const
  return {
    find: prepareQuery((p: Placeholders<CertificateRef>) =>
      db
        .selectFrom('certificate')
        .select(['id', 'user_id', 'active', 'version', 'body', 'x509', 'owner'])
        .where('id', '=', p.id)
        .where('user_id', '=', p.userId)
        .where(hasUser),
    ),
    findOwner: prepareQuery((p: Placeholders<CertificateRef>) =>
      db
        .selectFrom('certificate')
        .select('owner')
        .where('id', '=', p.id)
        .where('user_id', '=', p.userId)
        .where(hasUser),
    ),
    list: prepareBoundedRead(database, ofUser, { texts: ['body'], orderBy: ['id'] }),
    listActive: prepareBoundedRead(
      database,
      // A literal, since an engine takes a partial index only where the condition is part of the statement.
      (p: Placeholders<Page>, text) => ofUser(p, text).where('active', '=', sql.lit(1)),
      {
        texts: ['body'],
        orderBy: ['id'],
      },
    ),
    listExpiring: prepareBoundedRead(database, expiring, byExpiry),
    listExpiringOfOwner: prepareBoundedRead(
      database,
      (p: Placeholders<OwnersPage>, text) => expiring(p, text).where('owner', '=', p.owner),
      byExpiry,
    ),
  }
}

/** Inserts from a select of the user, so that it affects no row when there is no such user. */
function prepareInsert(db: Kysely<CertificatesTables>) {
  return prepareQuery((p: Placeholders<NewRow>) =>
    db
      .insertInto('certificate')
      .columns([
        'uid',
        'user_id',
        'owner',
        'active',
        'version',
        'not_before',
        'not_after',
        'notice_at',
        'key_id',
        'wrapped_key',
        'ciphertext',
        'body',
        'x509',
      ])
      .expression(
        db
          .selectFrom('user')
          .select([
            p.uid.as('uid'),
            'id',
            'owner',
            p.active.as('active'),
            sql.lit(1).as('version'),
            p.notBefore.as('not_before'),
            p.notAfter.as('not_after'),
            p.noticeAt.as('notice_at'),
            p.keyId.as('key_id'),
            p.wrappedKey.as('wrapped_key'),
            p.ciphertext.as('ciphertext'),
            p.body.as('body'),
            p.x509.as('x509'),
          ])
          .where('id', '=', p.userId)
          .where('deleted', '=', 0),
      )
      .returning('id'),
  )
}
