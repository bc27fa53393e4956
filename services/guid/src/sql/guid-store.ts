import type { Entry } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import type { Result, Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import { outboxStatement } from '@quintet/chassis/outbox'
import type { GuidEvent } from '@quintet/contracts'
import { createVersions, entryOf, nowSeconds } from '../guid.ts'
import type { Guid } from '../guid.ts'
import { eventsStream } from '../port.ts'
import type { CommitWith, GuidStore } from '../port.ts'
import { prepareGuidStatements } from './guid-statements.ts'
import { completionStatements } from './operation-store.ts'
import type { GuidDatabase } from './tables.ts'

/** GUIDs in a SQL database. Each write is one unit with its event. */
export function createSqlGuidStore({ database, clock }: { database: GuidDatabase; clock: Clock }): GuidStore {
  const statements = prepareGuidStatements(database.query)
  const insertRecords = recordStatements(database.query)
  const completion = completionStatements(database.query)
  const insertEvent = outboxStatement(database.query, eventsStream)
  const nextVersion = createVersions(clock)
  const now = () => nowSeconds(clock)

  /** The statements that come first in a unit, since they may refuse it, and last, since they read the changed row. */
  function statementsOf(
    guid: string,
    { records = [], operation }: CommitWith,
  ): { first: Statement[]; last: Statement[] } {
    const first = insertRecords(records)
    if (operation === undefined) return { first, last: [] }
    return {
      first: [...first, completion.complete(operation, clock.now())],
      last: [completion.storeResult(operation, guid)],
    }
  }

  return {
    nextVersion,

    find(guid) {
      const rows = database.read(statements.find({ guid, now: now() }))
      return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
    },

    idKind: 'integer',

    async list({ user, expiringBefore, after, limit }) {
      let query = database.query.selectFrom('guid').selectAll().where('expire', '>', now())
      if (user !== undefined) query = query.where('user', '=', user)
      if (expiringBefore !== undefined) query = query.where('expire', '<', expiringBefore)
      if (after !== undefined)
        query = query.where((row) =>
          row(row.refTuple('expire', 'id'), '>', row.tuple(after.expire, Number(after.id))),
        )
      return query.orderBy('expire').orderBy('id').limit(limit).execute()
    },

    async create(row, { deadline, ...commitWith }) {
      const { guid } = row
      const { first, last } = statementsOf(guid, commitWith)
      const created = insertEvent({ key: guid, body: createdEvent(row), createdAt: clock.now() })
      const insert = { ...statements.insert(row), mustAffectRows: true }
      const inserted = await database.commit([...first, insert, created, ...last], deadline)
      if (inserted.failedStatement === undefined) return 'created'
      // The GUID has a row. If that has expired, it is replaced after the event of its expiry.
      const expired = statements.insertExpiredEvent({ guid, now: now(), at: clock.now() })
      const replace = { ...statements.replaceExpired({ ...row, now: now() }), mustAffectRows: true }
      const replaced = await database.commit([...first, expired, replace, created, ...last], deadline)
      return replaced.failedStatement === undefined ? 'created' : 'exists'
    },

    async update(guid, change, version, { deadline, ...commitWith }) {
      const { first, last } = statementsOf(guid, commitWith)
      const { user = null, expire = null } = change
      const update = statements.update({
        guid,
        now: now(),
        version: version ?? null,
        user,
        expire,
        next: nextVersion(),
      })
      const updated = statements.insertUpdatedEvent({ guid, at: clock.now() })
      const outcome = await database.commit([...first, ...update, updated, ...last], deadline)
      if (outcome.failedStatement !== undefined) return undefined
      return rowOf(outcome.results[first.length + update.length - 1])
    },

    async delete(guid, version, deadline) {
      const unit = statements.delete({ guid, now: now(), version: version ?? null, at: clock.now() })
      return (await database.commit(unit, deadline)).failedStatement === undefined
    },

    async sweep(limit) {
      const { results } = await database.commit(statements.sweep({ now: now(), limit, at: clock.now() }))
      return results.at(-1)?.changes ?? 0
    },
  }
}

function createdEvent(row: Guid): string {
  return JSON.stringify({ type: 'guid.created', ...row } satisfies GuidEvent)
}

function firstEntry([row]: readonly Guid[]): Entry | undefined {
  return row && entryOf(row)
}

function rowOf(result: Result | undefined): Guid | undefined {
  const { guid, user, expire, version } = result?.rows[0] ?? {}
  if (typeof guid !== 'string' || typeof user !== 'string') return undefined
  return { guid, user, expire: Number(expire), version: Number(version) }
}
