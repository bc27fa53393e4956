import { randomUUIDv7 } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import {
  bytesOf,
  numbersFromList,
  prepareQuery,
  prepareUntilSum,
  skipLocked,
} from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { outboxStatement } from '@quintet/chassis/outbox'
import type { Page } from '@quintet/chassis/resource/rows'
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { CertificatesDatabase, CertificatesTables, NotificationStatus } from './database.ts'

export const notificationsQueue = 'certificates.notifications'

type NotificationEvent = 'certificate.active_changed' | 'certificate.expiring'

/** One delivery attempt: the status of the response, or the error if there was none. */
export type Attempt = { at: number; status?: number; error?: string }

export type Progress = { status: NotificationStatus; attempts: number }

export type NotificationStore = ReturnType<typeof createNotificationStore>

/** The dependencies of what stores notifications together with a change. */
export type NotifyingParts = {
  database: CertificatesDatabase
  notifications: NotificationStore
  clock: Clock
  /** Wakes the relay of the outbox. */
  wake: () => void
}

const logRetentionMs = 30 * 24 * 3_600_000
/** What of the log one unit removes at most, in many small rows, so that other writes wait for it a few milliseconds. */
export const removedBytesMax = 524_288

/**
 * The delivery log. A notification is stored in the same commit as the change that it reports, together with a message in
 * the outbox. Without a receiver it is logged as skipped.
 */
export function createNotificationStore({
  database,
  clock,
  hasReceiver,
}: {
  database: CertificatesDatabase
  clock: Clock
  hasReceiver: boolean
}) {
  const statements = prepareStatements(database.query)
  const insertMessage = outboxStatement(database.query, notificationsQueue)

  return {
    /** For the unit of the change. Notifications of one certificate are delivered in the order of their commits. */
    statementsOf(
      certificateId: number,
      { event, body }: { event: NotificationEvent; body: Readonly<Record<string, unknown>> },
    ): readonly Statement[] {
      const deliveryId = randomUUIDv7()
      const text = JSON.stringify(body)
      const now = clock.now()
      const status = hasReceiver ? 'pending' : 'skipped'
      const insert = statements.insert({ deliveryId, certificateId, event, body: text, status, now })
      const message = {
        id: deliveryId,
        key: String(certificateId),
        body: JSON.stringify({ event, body: text }),
        createdAt: now,
      }
      return hasReceiver ? [insert, insertMessage(message)] : [insert]
    },

    /** The status of a notification, and how often its delivery was attempted; undefined once its certificate is deleted. */
    async progressOf(deliveryId: string): Promise<Progress | undefined> {
      const [row] = await database.read(statements.progress({ deliveryId }))
      return row && { status: row.status, attempts: Number(row.attempts) }
    },

    /**
     * Logs an attempt, unless the log was deleted with its certificate. What was delivered stays so: where a consumer was suspended for longer
     * than its lease, another has the message, and the attempt of the first may fail and be logged later.
     */
    async logAttempt(deliveryId: string, attempt: Attempt, status: NotificationStatus): Promise<void> {
      const { at, status: responseStatus = null, error = null } = attempt
      await database.commit([
        statements.insertAttempt({ deliveryId, at, status: responseStatus, error }),
        statements.setStatus({ deliveryId, status, now: at }),
      ])
    },

    /** A page of the notifications of a certificate with their attempts, oldest first. */
    async list(page: Page & { certificateId: number }) {
      const { bytesMax: reaches = Number.MAX_SAFE_INTEGER, ...rest } = page
      const notifications = await database.read(statements.list({ ...rest, reaches }))
      const ids = notifications.map(({ id }) => id)
      const attempts = Map.groupBy(
        ids.length === 0 ? [] : await attemptsOf(ids),
        ({ notification_id }) => notification_id,
      )
      return notifications.map((notification) => ({
        ...notification,
        attempts: attempts.get(notification.id) ?? [],
      }))
    },

    /** Removes at most `limit` notifications whose last attempt was 30 days ago; resolves to `limit` while there are more. */
    async sweep(limit: number): Promise<number> {
      const before = clock.now() - logRetentionMs
      const older = await database.read(statements.older({ before, limit }))
      let bytes = 0
      const first = older.filter((row) => {
        const isFirst = bytes < removedBytesMax
        bytes += Number(row.bytes)
        return isFirst
      })
      if (first.length === 0) return 0
      await database.commit([statements.remove({ ids: first.map(({ id }) => id).join(), before })])
      return first.length < older.length ? limit : first.length
    },
  }

  function attemptsOf(ids: readonly number[]) {
    return database.query
      .selectFrom('delivery_attempt')
      .select(['notification_id', 'at', 'status', 'error'])
      .where('notification_id', 'in', ids)
      .orderBy('id')
      .execute()
  }
}

/** How many bytes a notification takes with its attempts. */
export function notificationBytes(db: Kysely<CertificatesTables>): RawBuilder<number> {
  const ofAttempts = db
    .selectFrom('delivery_attempt')
    .select(sql`coalesce(sum(${bytesOf('error')}), 0)`.as('bytes'))
    .where('notification_id', '=', sql.ref<number>('notification.id'))
  return sql<number>`${bytesOf('notification.body')} + ${ofAttempts}`
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    insert: prepareQuery(
      (
        p: Placeholders<{
          deliveryId: string
          certificateId: number
          event: string
          body: string
          status: NotificationStatus
          now: number
        }>,
      ) =>
        db.insertInto('notification').values({
          delivery_id: p.deliveryId,
          certificate_id: p.certificateId,
          event: p.event,
          body: p.body,
          status: p.status,
          created_at: p.now,
          changed_at: p.now,
        }),
    ),
    progress: prepareQuery((p: Placeholders<{ deliveryId: string }>) =>
      db
        .selectFrom('notification')
        .select(({ selectFrom, fn }) => [
          'status',
          selectFrom('delivery_attempt')
            .select(fn.countAll<number>().as('count'))
            .whereRef('notification_id', '=', 'notification.id')
            .as('attempts'),
        ])
        .where('delivery_id', '=', p.deliveryId),
    ),
    insertAttempt: prepareQuery(
      (p: Placeholders<{ deliveryId: string; at: number; status: number | null; error: string | null }>) =>
        db
          .insertInto('delivery_attempt')
          .columns(['notification_id', 'at', 'status', 'error'])
          .expression(
            db
              .selectFrom('notification')
              .select(['id', p.at.as('at'), p.status.as('status'), p.error.as('error')])
              .where('delivery_id', '=', p.deliveryId),
          ),
    ),
    setStatus: prepareQuery(
      (p: Placeholders<{ deliveryId: string; status: NotificationStatus; now: number }>) =>
        db
          .updateTable('notification')
          .set({ status: p.status, changed_at: p.now })
          .where('delivery_id', '=', p.deliveryId)
          .where('status', '!=', 'delivered'),
    ),
    list: prepareUntilSum(
      db,
      (p: Placeholders<{ certificateId: number; after: number; limit: number; reaches: number }>) =>
        db
          .selectFrom('notification')
          .select(['id', 'delivery_id', 'event', 'body', 'status', 'created_at'])
          .select(notificationBytes(db).as('bytes'))
          .where('certificate_id', '=', p.certificateId)
          .where('id', '>', p.after)
          .orderBy('id')
          .limit(p.limit),
      { column: 'bytes', orderBy: ['id'] },
    ),
    older: prepareQuery((p: Placeholders<{ before: number; limit: number }>) =>
      db
        .selectFrom('notification')
        .select(['id', notificationBytes(db).as('bytes')])
        .where('status', 'in', ['delivered', 'failed', 'skipped'])
        .where('changed_at', '<=', p.before)
        .limit(p.limit),
    ),
    /** Not one that was attempted again since it was read. */
    remove: prepareQuery((p: Placeholders<{ ids: string; before: number }>) =>
      db.deleteFrom('notification').where(
        'id',
        'in',
        skipLocked(
          db,
          db
            .selectFrom('notification')
            .select('id')
            .where(sql<boolean>`id in ${numbersFromList(db, p.ids)}`)
            .where('changed_at', '<=', p.before),
        ),
      ),
    ),
  }
}
