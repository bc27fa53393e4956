import type { Clock } from '@quintet/chassis/clock'
import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Outcome, Placeholders } from '@quintet/chassis/database'
import { AppError, invalid } from '@quintet/chassis/errors'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import type { Envelope } from './envelope.ts'
import { nextNoticeMs } from './expiry.ts'
import type { NotificationStore } from './notification-store.ts'
import { userNotFound } from './user-store.ts'
import type { Inspected } from './x509.ts'

export type CertificateStore = ReturnType<typeof createCertificateStore>

/** A certificate as it may be shown: what is sealed of it is never read here. */
export type Certificate = Pick<
  Selectable<CertificatesTables['certificate']>,
  'id' | 'user_id' | 'active' | 'version' | 'body' | 'x509'
>

export type NewRecord = {
  uid: string
  userId: number
  active: boolean
  body: string
  envelope: Envelope
  inspected: Inspected | undefined
}

export type Place = { userId: number; id: number }

/** Certificates in a SQL database. They are not cached: a body may be large, and is seldom read twice. */
export function createCertificateStore({
  database,
  notifications,
  clock,
  wake,
}: {
  database: CertificatesDatabase
  notifications: NotificationStore
  clock: Clock
  /** Wakes the relay of the outbox. */
  wake: () => void
}) {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)

  async function find({ userId, id }: Place): Promise<Certificate> {
    const [row] = await database.read(statements.find({ userId, id }))
    if (row === undefined) throw certificateNotFound()
    return row
  }

  /** The one version that may be changed: what it has now, if `If-Match` admits it; null when any may. */
  async function admit(place: Place, versions: readonly number[] | undefined): Promise<number | null> {
    if (versions === undefined) return null
    const { version } = await find(place)
    if (!versions.includes(version)) throw movedOn()
    return version
  }

  return {
    find,

    /** Adds a certificate to a user who is there, with the answers that tell of it. */
    async create(record: NewRecord, answers: readonly IdempotencyRecord[]): Promise<number> {
      const { uid, userId, active, body, envelope, inspected } = record
      const insert = {
        ...statements.insert({
          uid,
          userId,
          active: Number(active),
          body,
          ...envelope,
          notBefore: inspected?.notBeforeMs ?? null,
          notAfter: inspected?.notAfterMs ?? null,
          noticeAt: (inspected && nextNoticeMs(inspected, clock.now())) ?? null,
          x509: inspected ? JSON.stringify(inspected.description) : null,
        }),
        mustAffectRows: userNotFound,
      }
      const { results } = await database.commit([insert, ...toKeep(answers, returnedBy(insert, 'id'))])
      return Number(results[0]?.rows[0]?.id)
    },

    /** A page of a user's certificates, oldest first. */
    async listOfUser(page: { userId: number; onlyActive: boolean; after: number; limit: number }) {
      return database.read((page.onlyActive ? statements.listActive : statements.list)(page))
    },

    /** A page of the certificates that have an end, those that end first before the others. */
    async listExpiring(page: { before: number; after: { notAfter: number; id: number }; limit: number }) {
      const { before, after, limit } = page
      return database.read(statements.listExpiring({ before, limit, ...after }))
    },

    /** Changes whether a certificate is in use and, if so told, tells the receiver of notifications by the same commit. */
    async setActive(
      place: Place,
      { active, notify }: { active: boolean; notify: boolean },
      versions: readonly number[] | undefined,
    ): Promise<number> {
      const version = await admit(place, versions)
      const update = {
        ...statements.setActive({ ...place, version, active: Number(active) }),
        mustAffectRows: true,
      }
      const told = { event: 'certificate.active_changed' as const, body: { id: place.id, active } }
      const telling = notify ? notifications.tell(place.id, told) : []
      const { failedStatement, results } = await database.commit([update, ...telling])
      if (failedStatement !== undefined) throw await refusalOf(place, version, active)
      if (notify) wake()
      return Number(results[0]?.rows[0]?.version)
    },

    async delete(place: Place, versions: readonly number[] | undefined): Promise<void> {
      const version = await admit(place, versions)
      const remove = { ...statements.delete({ ...place, version }), mustAffectRows: true }
      const { failedStatement: refusedBy } = await database.commit([remove])
      if (refusedBy !== undefined) throw version === null ? certificateNotFound() : movedOn()
    },

    /** Gives each certificate whose notice is due one, `limit` at most; resolves to how many were due. */
    async sweepNotices(limit: number): Promise<number> {
      const now = clock.now()
      const due = await database.read(statements.due({ now, limit }))
      await Promise.all(due.map(giveNotice))
      if (due.length > 0) wake()
      return due.length
    },
  }

  /** The next notice is set by the same commit, under the condition that this one is still due, so each is given once. */
  async function giveNotice(row: DueRow): Promise<Outcome> {
    const { id, active, not_before, not_after, notice_at } = row
    const lifetime = { notBeforeMs: Number(not_before), notAfterMs: Number(not_after) }
    const due = Number(notice_at)
    const next = nextNoticeMs(lifetime, due) ?? null
    const advance = { ...statements.advanceNotice({ id, due, next }), mustAffectRows: true }
    const body = { id, active: true, not_after: new Date(lifetime.notAfterMs).toISOString() }
    const telling =
      active === 1 ? notifications.tell(id, { event: 'certificate.expiring' as const, body }) : []
    return database.commit([advance, ...telling])
  }

  async function refusalOf(place: Place, version: number | null, active: boolean): Promise<AppError> {
    if (version !== null) return movedOn()
    await find(place)
    const state = active ? 'active' : 'inactive'
    return invalid({ active: `The certificate is ${state} already.` })
  }
}

export const certificateNotFound = () => new AppError('not_found', 'Certificate not found.')
const movedOn = () =>
  new AppError('precondition_failed', 'The certificate has changed since the version that If-Match names.')

type Condition = Place & { version: number | null }
type DueRow = Pick<
  Selectable<CertificatesTables['certificate']>,
  'id' | 'active' | 'not_before' | 'not_after' | 'notice_at'
>
type Values = Envelope & {
  uid: string
  userId: number
  active: number
  body: string
  notBefore: number | null
  notAfter: number | null
  noticeAt: number | null
  x509: string | null
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  type Page = { userId: number; after: number; limit: number }
  const ofUser = (p: Placeholders<Page>) =>
    db
      .selectFrom('certificate')
      .select(['id', 'active', 'body'])
      .where('user_id', '=', p.userId)
      .where('id', '>', p.after)
      .orderBy('id')
      .limit(p.limit)
  return {
    find: prepareQuery((p: Placeholders<Place>) =>
      db
        .selectFrom('certificate')
        .select(['id', 'user_id', 'active', 'version', 'body', 'x509'])
        .where('id', '=', p.id)
        .where('user_id', '=', p.userId),
    ),
    list: prepareQuery(ofUser),
    listActive: prepareQuery((p: Placeholders<Page>) => ofUser(p).where('active', '=', 1)),
    listExpiring: prepareQuery(
      (p: Placeholders<{ before: number; notAfter: number; id: number; limit: number }>) =>
        db
          .selectFrom('certificate')
          .select(['id', 'user_id', 'active', 'x509', 'not_after'])
          .where('not_after', '<', p.before)
          .where((row) => row(row.refTuple('not_after', 'id'), '>', row.tuple(p.notAfter, p.id)))
          .orderBy('not_after')
          .orderBy('id')
          .limit(p.limit),
    ),
    insert: prepareQuery((p: Placeholders<Values>) =>
      db
        .insertInto('certificate')
        .columns([
          'uid',
          'user_id',
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
            .where('id', '=', p.userId),
        )
        .returning('id'),
    ),
    setActive: prepareQuery((p: Placeholders<Condition & { active: number }>) =>
      db
        .updateTable('certificate')
        .set((row) => ({ active: p.active, version: row('version', '+', 1) }))
        .where('id', '=', p.id)
        .where('user_id', '=', p.userId)
        .where('active', '<>', p.active)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
        .returning('version'),
    ),
    delete: prepareQuery((p: Placeholders<Condition>) =>
      db
        .deleteFrom('certificate')
        .where('id', '=', p.id)
        .where('user_id', '=', p.userId)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version'))),
    ),
    due: prepareQuery((p: Placeholders<{ now: number; limit: number }>) =>
      db
        .selectFrom('certificate')
        .select(['id', 'active', 'not_before', 'not_after', 'notice_at'])
        .where('notice_at', '<=', p.now)
        .orderBy('notice_at')
        .limit(p.limit),
    ),
    advanceNotice: prepareQuery((p: Placeholders<{ id: number; due: number; next: number | null }>) =>
      db
        .updateTable('certificate')
        .set({ notice_at: p.next })
        .where('id', '=', p.id)
        .where('notice_at', '=', p.due),
    ),
  }
}
