import type { Entry } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import { dialectOf, randomKeys } from '@quintet/chassis/database'
import type { Result, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { createVersions, entryOf, nowSeconds } from '../guid.ts'
import type { Guid } from '../guid.ts'
import type { GuidCondition, GuidStore } from '../port.ts'
import { prepareCommitWith } from './commit-with.ts'
import { createExpiryJudge } from './expiry.ts'
import { prepareGuidStatements } from './guid-statements.ts'
import { createRegistration } from './registration.ts'
import type { GuidDatabase } from './tables.ts'
import { prepareVersionStatements } from './version-statements.ts'

/** GUIDs in a SQL database. Each write is one unit with its event. */
export function createSqlGuidStore({
  database,
  clock,
  engineClock,
}: {
  database: GuidDatabase
  clock: Clock
  engineClock: Clock
}): GuidStore {
  const judge = createExpiryJudge(database.query, clock)
  const statements = prepareGuidStatements(database.query, judge)
  const statementsOf = prepareCommitWith(database.query, clock)
  const nextVersion = createVersions(clock)
  const isPostgres = dialectOf(database.query) === 'postgres'
  const now = () => nowSeconds(clock)

  function find(guid: string): Entry | undefined | Promise<Entry | undefined> {
    const rows = database.read(statements.find({ guid, now: now() }))
    return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
  }

  function hold(guid: string, { version, owner }: GuidCondition, expire: number | null = null): Statement {
    const held = statements.hold({ guid, now: now(), version: version ?? null, owner, expire })
    return { ...held, mustAffectRows: true }
  }

  return {
    find,

    idKind: 'integer',

    async list({ owner, user, expiringBefore, after, limit }) {
      const present = judge.now(sql`${now()}`)
      // A page is read from its cursor on. MariaDB finds the place in the index by `>=` alone. SQLite uses one of several bounds, and must
      // not take that of what has expired, so that one is no plain column.
      let query = database.query.selectFrom('guid').selectAll()
      if (after === undefined) query = query.where('expire', '>', present)
      else
        query = query
          .where((row) => row(row.refTuple('expire', 'id'), '>', row.tuple(after.expire, Number(after.id))))
          .where('expire', '>=', after.expire)
          .where(sql`expire + 0`, '>', present)
      if (user !== undefined) query = query.where('user', '=', user)
      if (expiringBefore !== undefined) query = query.where('expire', '<', expiringBefore)
      if (owner !== undefined) query = query.where('owner', owner === null ? 'is' : '=', owner)
      // PostgreSQL reads the rows without an owner in the order of their index only by an order that begins with the owner, as MariaDB
      // does only without that.
      if (owner === null && isPostgres) query = query.orderBy('owner')
      return query.orderBy('expire').orderBy('id').limit(limit).execute()
    },

    async sample(max) {
      return (await randomKeys(database, { table: 'guid', key: 'guid' }, max)).map(String)
    },

    create: createRegistration({
      database,
      clock,
      engineClock,
      guids: statements,
      versions: prepareVersionStatements(database.query, judge),
      statementsOf,
      nextVersion,
      find,
    }),

    async update(guid, change, condition, { deadline, operation }) {
      const { first, last } = statementsOf(guid, [], operation)
      const { user = null, expire = null } = change
      const held = hold(guid, condition, expire)
      const update = statements.update({ guid, user, expire, next: nextVersion() })
      const updated = statements.insertUpdatedEvent({ guid, at: clock.now() })
      const unit = [...first, held, ...update, updated, ...last]
      const outcome = await database.commit(unit, deadline)
      if (outcome.failedStatement !== undefined) return undefined
      return rowOf(outcome.results[first.length + update.length])
    },

    async delete(guid, condition, deadline) {
      const unit = [hold(guid, condition), ...statements.delete({ guid, at: clock.now() })]
      return (await database.commit(unit, deadline)).failedStatement === undefined
    },

    async sweep(limit) {
      const { results } = await database.commit(statements.sweep({ now: now(), limit, at: clock.now() }))
      return results.at(-1)?.changes ?? 0
    },
  }
}

function firstEntry([row]: readonly Guid[]): Entry | undefined {
  return row && entryOf(row)
}

function rowOf(result: Result | undefined): Guid | undefined {
  const { guid, user, expire, version, owner } = result?.rows[0] ?? {}
  if (typeof guid !== 'string' || typeof user !== 'string') return undefined
  return {
    guid,
    user,
    expire: Number(expire),
    version: Number(version),
    owner: typeof owner === 'string' ? owner : null,
  }
}
