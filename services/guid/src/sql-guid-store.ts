import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Clock, Deadline } from '@quintet/chassis/clock'
import {
  dialectOf,
  greatest,
  forUpdate,
  jsonObject,
  skipLocked,
  numbersFromList,
  prepareQuery,
  deleteSelected,
  returnedBy,
} from '@quintet/chassis/database'
import type { Outcome, Placeholders, Result, Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import { outboxStatement } from '@quintet/chassis/outbox'
import type { GuidEvent } from '@quintet/contracts'
import { sql } from 'kysely'
import type {
  DeleteQueryBuilder,
  DeleteResult,
  ExpressionBuilder,
  Kysely,
  RawBuilder,
  SelectQueryBuilder,
} from 'kysely'
import { createVersions, entryOf } from './guid.ts'
import type { Guid } from './guid.ts'
import type { GuidDatabase, GuidTables } from './sql-tables.ts'
import { endingStatements } from './sql-operations.ts'
import { eventsStream } from './port.ts'
import type { CommitWith, GuidStore } from './port.ts'

/** GUIDs in a SQL database behind the cache. Each write is one unit with the event that tells of it. */
export function createSqlGuidStore({
  database,
  cache,
  clock,
  wake,
}: {
  database: GuidDatabase
  cache: Cache
  clock: Clock
  /** Wakes the relay of the outbox. */
  wake: () => void
}): GuidStore {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)
  const ending = endingStatements(database.query)
  const toOutbox = outboxStatement(database.query, eventsStream)
  const nextVersion = createVersions(clock)
  const now = () => Math.floor(clock.now() / 1000)

  function load(guid: string): Entry | undefined | Promise<Entry | undefined> {
    const rows = database.read(statements.find({ guid, now: now() }))
    return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
  }

  /** What comes first in a unit, to refuse it, and what comes last, since it is made of the new row. */
  function around(
    guid: string,
    { records = [], operation }: CommitWith,
  ): { first: Statement[]; last: Statement[] } {
    const kept = toKeep(records)
    if (operation === undefined) return { first: kept, last: [] }
    return {
      first: [...kept, ending.begin(operation, clock.now())],
      last: [ending.keepResult(operation, guid)],
    }
  }

  return {
    nextVersion,

    find: (guid) => cache.read(guid, () => load(guid)),

    placeType: 'number',

    async list({ user, expiringBefore, after, limit }) {
      let query = database.query.selectFrom('guid').selectAll().where('expire', '>', now())
      if (user !== undefined) query = query.where('user', '=', user)
      if (expiringBefore !== undefined) query = query.where('expire', '<', expiringBefore)
      if (after !== undefined)
        query = query.where((row) =>
          row(row.refTuple('expire', 'id'), '>', row.tuple(after.expire, Number(after.place))),
        )
      const rows = await query.orderBy('expire').orderBy('id').limit(limit).execute()
      return rows.map(({ id, ...guid }) => ({ ...guid, place: id }))
    },

    async create(row, beside = {}) {
      const { first, last: ends } = around(row.guid, beside)
      const event = eventOf('guid.created', row)
      const last = [toOutbox({ key: row.guid, body: event, createdAt: clock.now() }), ...ends]
      const register = async (deadline: Deadline): Promise<Outcome> => {
        const insert = { ...statements.insert(row), mustAffectRows: true }
        const outcome = await database.commit([...first, insert, ...last], deadline)
        if (outcome.failedStatement === undefined) return outcome
        // Something is in the way. If it has expired it gives way, and is told of first.
        const expired = statements.tellExpired({ guid: row.guid, now: now(), at: clock.now() })
        const revive = { ...statements.revive({ ...row, now: now() }), mustAffectRows: true }
        return database.commit([...first, expired, revive, ...last], deadline)
      }
      // Few of the new are read soon, and a cache of them would turn over as fast as they come: the first reader fills it.
      const { failedStatement } = await (beside.isNew === true
        ? register({})
        : cache.write([row.guid], register, () => undefined))
      if (failedStatement !== undefined) return 'live'
      wake()
      return 'created'
    },

    async update(guid, change, version, beside = {}) {
      const { first, last } = around(guid, beside)
      const values = { user: change.user ?? null, expire: change.expire ?? null, next: nextVersion() }
      const update = statements.update({ guid, now: now(), version: version ?? null, ...values })
      const unit = [...first, ...update, statements.tellUpdated({ guid, at: clock.now() }), ...last]
      const changed = ({ failedStatement: refusedBy, results }: Outcome) =>
        refusedBy === undefined ? rowOf(results[first.length + update.length - 1]) : undefined
      const outcome = await cache.write(
        [guid],
        (deadline) => database.commit(unit, deadline),
        (done) => {
          const row = changed(done)
          return row && entryOf(row)
        },
      )
      const row = changed(outcome)
      if (row !== undefined) wake()
      return row
    },

    async delete(guid, version) {
      const condition = { guid, now: now(), version: version ?? null }
      const unit = statements.delete({ ...condition, at: clock.now() })
      const outcome = await cache.write(
        [guid],
        (deadline) => database.commit(unit, deadline),
        ({ failedStatement: refusedBy }) => (refusedBy === undefined ? null : undefined),
      )
      if (outcome.failedStatement !== undefined) return false
      wake()
      return true
    },

    async sweep(limit) {
      const { results } = await database.commit(statements.sweep({ now: now(), limit, at: clock.now() }))
      const swept = results.at(-1)?.changes ?? 0
      if (swept > 0) wake()
      return swept
    },
  }
}

type At = { at: number }
type Key = { guid: string; now: number }
type Condition = Key & { version: number | null }

function prepareStatements(db: Kysely<GuidTables>) {
  return {
    find: prepareQuery((p: Placeholders<Key>) =>
      db
        .selectFrom('guid')
        .select(['guid', 'user', 'expire', 'version'])
        .where('guid', '=', p.guid)
        .where('expire', '>', p.now),
    ),
    insert: prepareQuery((p: Placeholders<Guid>) =>
      db
        .insertInto('guid')
        .values({ guid: p.guid, user: p.user, expire: p.expire, version: p.version })
        .onConflict((conflict) => conflict.column('guid').doNothing()),
    ),
    revive: prepareQuery((p: Placeholders<Guid & Key>) =>
      db
        .insertInto('guid')
        .values({ guid: p.guid, user: p.user, expire: p.expire, version: p.version })
        .onConflict((conflict) =>
          conflict
            .column('guid')
            .doUpdateSet((row) => ({
              user: row.ref('excluded.user'),
              expire: row.ref('excluded.expire'),
              version: row.ref('excluded.version'),
            }))
            .where('guid.expire', '<=', p.now),
        ),
    ),
    update: prepareUpdate(db),
    tellUpdated: prepareQuery((p: Placeholders<At & { guid: string }>) =>
      tell(db, 'guid.updated', p.at, (rows) => rows.where('guid', '=', p.guid)),
    ),
    tellExpired: prepareQuery((p: Placeholders<At & Key>) =>
      tell(db, 'guid.expired', p.at, (rows) =>
        forUpdate(db, rows.where('guid', '=', p.guid).where('expire', '<=', p.now)),
      ),
    ),
    ...prepareRemovals(db),
  }
}

type Change = Condition & { user: string | null; expire: number | null; next: number }

/** The statements that change a row, of which the last one gives it as it then is. */
function prepareUpdate(db: Kysely<GuidTables>): (values: Change) => Statement[] {
  const change = (p: Placeholders<Change>) =>
    db
      .updateTable('guid')
      .set((row) => ({
        user: row.fn.coalesce(p.user, 'user'),
        expire: row.fn.coalesce(p.expire, 'expire'),
        version: greatest(db, row('version', '+', 1), p.next),
      }))
      .where('guid', '=', p.guid)
      .where('expire', '>', p.now)
      .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
  if (dialectOf(db) !== 'mysql') {
    const update = prepareQuery((p: Placeholders<Change>) => change(p).returningAll())
    return (values) => [{ ...update(values), mustAffectRows: true }]
  }
  const update = prepareQuery((p: Placeholders<Change>) => change(p))
  const read = prepareQuery((p: Placeholders<Pick<Key, 'guid'>>) =>
    db.selectFrom('guid').selectAll().where('guid', '=', p.guid),
  )
  return (values) => [{ ...update(values), mustAffectRows: true }, read({ guid: values.guid })]
}

type Bounds = { now: number; limit: number }

/** The units that remove rows and tell of them: of exactly those, and of each once, whoever else removes at the same time. */
function prepareRemovals(db: Kysely<GuidTables>): {
  delete(values: At & Condition): Statement[]
  sweep(values: At & Bounds): Statement[]
} {
  const live = (p: Placeholders<Condition>) => (row: ExpressionBuilder<GuidTables, 'guid'>) =>
    row.and([
      row('guid', '=', p.guid),
      row('expire', '>', p.now),
      row('version', '=', row.fn.coalesce(p.version, 'version')),
    ])
  const due = (p: Placeholders<Bounds>) =>
    db
      .selectFrom('guid')
      .select('id')
      .where('expire', '<=', p.now)
      .orderBy('expire')
      .orderBy('id')
      .limit(p.limit)
  if (dialectOf(db) === 'postgres') {
    const remove = prepareQuery((p: Placeholders<At & Condition>) =>
      tellGone(db, 'guid.deleted', p.at, db.deleteFrom('guid').where(live(p))),
    )
    const sweep = prepareQuery((p: Placeholders<At & Bounds>) =>
      tellGone(db, 'guid.expired', p.at, db.deleteFrom('guid').where('id', 'in', skipLocked(db, due(p)))),
    )
    return {
      delete: (values) => [{ ...remove(values), mustAffectRows: true }],
      sweep: (values) => [sweep(values)],
    }
  }
  const tellDeleted = prepareQuery((p: Placeholders<At & Condition>) =>
    tell(db, 'guid.deleted', p.at, (rows) => forUpdate(db, rows.where(live(p)))),
  )
  const remove = prepareQuery((p: Placeholders<Condition>) => db.deleteFrom('guid').where(live(p)))
  return {
    // What is told first is what is then removed: it is held meanwhile, or no other unit comes between.
    delete: (values) => [tellDeleted(values), { ...remove(values), mustAffectRows: true }],
    sweep: prepareSweep(db, due),
  }
}

/** Lists the rows that are due and holds them, then tells of those and removes them. */
function prepareSweep(
  db: Kysely<GuidTables>,
  due: (p: Placeholders<Bounds>) => SelectQueryBuilder<GuidTables, 'guid', { id: number }>,
): (values: At & Bounds) => Statement[] {
  const list = prepareQuery((p: Placeholders<Bounds>) =>
    db
      .selectFrom(skipLocked(db, due(p)).as('due'))
      .select(sql<string>`coalesce(group_concat(id), '')`.as('ids')),
  )
  const tellSwept = prepareQuery((p: Placeholders<At & { ids: string }>) =>
    tell(db, 'guid.expired', p.at, (rows) => rows.where(sql<boolean>`id in ${numbersFromList(db, p.ids)}`)),
  )
  const remove = prepareQuery((p: Placeholders<{ ids: string }>) =>
    deleteSelected(db, 'guid', 'id', numbersFromList(db, p.ids)),
  )
  return ({ now, limit, at }) => {
    const listed = list({ now, limit })
    const ids = returnedBy(listed, 'ids')
    return [listed, tellSwept({ at, ids }), remove({ ids })]
  }
}

/** Removes rows and tells of them in one statement. */
function tellGone(
  db: Kysely<GuidTables>,
  type: GuidEvent['type'],
  at: RawBuilder<number>,
  removal: DeleteQueryBuilder<GuidTables, 'guid', DeleteResult>,
) {
  return db
    .with('gone', () => removal.returningAll())
    .insertInto('outbox')
    .columns(['queue', 'key', 'body', 'created_at'])
    .expression((from) =>
      from
        .selectFrom('gone')
        .select([sql.lit(eventsStream).as('queue'), 'guid', bodyOf(db, type).as('body'), at.as('at')]),
    )
}

/** An event made by the database from the rows as they stand, so that it tells what really was changed. */
function tell(
  db: Kysely<GuidTables>,
  type: GuidEvent['type'],
  at: RawBuilder<number>,
  narrow: (
    rows: SelectQueryBuilder<GuidTables, 'guid', object>,
  ) => SelectQueryBuilder<GuidTables, 'guid', object>,
) {
  const body = bodyOf(db, type)
  return db
    .insertInto('outbox')
    .columns(['queue', 'key', 'body', 'created_at'])
    .expression(
      narrow(db.selectFrom('guid')).select([
        sql.lit(eventsStream).as('queue'),
        'guid',
        body.as('body'),
        at.as('at'),
      ]),
    )
}

function bodyOf(db: Kysely<GuidTables>, type: GuidEvent['type']): RawBuilder<string> {
  return jsonObject(db, {
    type: sql.lit(type),
    guid: sql.ref('guid'),
    user: sql.ref('user'),
    expire: sql.ref('expire'),
    version: sql.ref('version'),
  })
}

function eventOf(type: GuidEvent['type'], row: Guid): string {
  return JSON.stringify({ type, ...row } satisfies GuidEvent)
}

function firstEntry(rows: readonly Guid[]): Entry | undefined {
  const [row] = rows
  return row && entryOf(row)
}

function rowOf(result: Result | undefined): Guid | undefined {
  const { guid, user, expire, version } = result?.rows[0] ?? {}
  if (typeof guid !== 'string' || typeof user !== 'string') return undefined
  return { guid, user, expire: Number(expire), version: Number(version) }
}
