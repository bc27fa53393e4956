import { prepareQuery } from '@quintet/chassis/database'
import type { Outcome, Placeholders } from '@quintet/chassis/database'
import type { Kysely, Selectable } from 'kysely'
import { isOrphan } from './certificate-statements.ts'
import type { CertificatesTables } from './database.ts'
import { nextNoticeMs } from './expiry.ts'
import type { NotifyingParts } from './notification-store.ts'

/** Notifies the receiver of active certificates that expire soon. */
export function createExpiryNotices({ database, notifications, clock, wake }: NotifyingParts) {
  const statements = prepareStatements(database.query)

  /** The same commit schedules the next notice if this one is still due, so that concurrent sweeps send each once. */
  async function send(row: DueRow): Promise<Outcome> {
    const { id, active, is_orphan, not_before, not_after, notice_at } = row
    const lifetime = { notBeforeMs: Number(not_before), notAfterMs: Number(not_after) }
    const due = Number(notice_at)
    const next = nextNoticeMs(lifetime, due) ?? null
    const advance = { ...statements.advance({ id, due, next }), mustAffectRows: true }
    const body = { id, active: true, not_after: new Date(lifetime.notAfterMs).toISOString() }
    const notification =
      active === 1 && is_orphan === 0
        ? notifications.statementsOf(id, { event: 'certificate.expiring', body })
        : []
    return database.commit([advance, ...notification])
  }

  return {
    /** Sends the notices that are due, at most `limit`; resolves to how many were due. */
    async sweep(limit: number): Promise<number> {
      const due = await database.read(statements.due({ now: clock.now(), limit }))
      await Promise.all(due.map(send))
      if (due.length > 0) wake()
      return due.length
    },
  }
}

type DueRow = Pick<
  Selectable<CertificatesTables['certificate']>,
  'id' | 'active' | 'not_before' | 'not_after' | 'notice_at'
> & { is_orphan: number }

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    due: prepareQuery((p: Placeholders<{ now: number; limit: number }>) =>
      db
        .selectFrom('certificate')
        .select(['id', 'active', 'not_before', 'not_after', 'notice_at', isOrphan.as('is_orphan')])
        .where('notice_at', '<=', p.now)
        .orderBy('notice_at')
        .limit(p.limit),
    ),
    /** Affects no row unless the notice is still due at this time. */
    advance: prepareQuery((p: Placeholders<{ id: number; due: number; next: number | null }>) =>
      db
        .updateTable('certificate')
        .set({ notice_at: p.next })
        .where('id', '=', p.id)
        .where('notice_at', '=', p.due),
    ),
  }
}
