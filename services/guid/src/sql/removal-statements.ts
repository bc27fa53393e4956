import {
  deleteSelected,
  dialectOf,
  forUpdate,
  numbersFromList,
  prepareQuery,
  returnedBy,
  skipLocked,
} from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { ExpressionBuilder, Kysely, SelectQueryBuilder } from 'kysely'
import { deleteWithEvents, insertEvents } from './event-statements.ts'
import type { GuidTables } from './tables.ts'

type At = { at: number }
type Condition = { guid: string; now: number; version: number | null }
type Bounds = { now: number; limit: number }
type Removals = {
  delete(values: At & Condition): Statement[]
  sweep(values: At & Bounds): Statement[]
}

/** The units that remove rows, with one event for each removed row, whatever other processes remove at the same time. */
export function prepareRemovals(db: Kysely<GuidTables>): Removals {
  return dialectOf(db) === 'postgres' ? prepareCombined(db) : prepareSeparate(db)
}

/** On PostgreSQL one statement deletes the rows and inserts their events. */
function prepareCombined(db: Kysely<GuidTables>): Removals {
  const remove = prepareQuery((p: Placeholders<At & Condition>) =>
    deleteWithEvents(db, 'guid.deleted', p.at, db.deleteFrom('guid').where(matches(p))),
  )
  const sweep = prepareQuery((p: Placeholders<At & Bounds>) =>
    deleteWithEvents(
      db,
      'guid.expired',
      p.at,
      db.deleteFrom('guid').where('id', 'in', skipLocked(db, expired(db, p))),
    ),
  )
  return {
    delete: (values) => [{ ...remove(values), mustAffectRows: true }],
    sweep: (values) => [sweep(values)],
  }
}

/** Elsewhere the events are inserted first. Until the rows are deleted they are locked (MySQL), or no other unit runs (SQLite). */
function prepareSeparate(db: Kysely<GuidTables>): Removals {
  const insertEvent = prepareQuery((p: Placeholders<At & Condition>) =>
    insertEvents(db, 'guid.deleted', p.at, (rows) => forUpdate(db, rows.where(matches(p)))),
  )
  const remove = prepareQuery((p: Placeholders<Condition>) => db.deleteFrom('guid').where(matches(p)))
  return {
    delete: (values) => [insertEvent(values), { ...remove(values), mustAffectRows: true }],
    sweep: prepareSeparateSweep(db),
  }
}

/** Lists and locks the expired rows, then inserts the events of the listed rows and deletes them. */
function prepareSeparateSweep(db: Kysely<GuidTables>): Removals['sweep'] {
  const list = prepareQuery((p: Placeholders<Bounds>) =>
    db
      .selectFrom(skipLocked(db, expired(db, p)).as('expired'))
      .select(sql<string>`coalesce(group_concat(id), '')`.as('ids')),
  )
  const insertListed = prepareQuery((p: Placeholders<At & { ids: string }>) =>
    insertEvents(db, 'guid.expired', p.at, (rows) =>
      rows.where(sql<boolean>`id in ${numbersFromList(db, p.ids)}`),
    ),
  )
  const removeListed = prepareQuery((p: Placeholders<{ ids: string }>) =>
    deleteSelected(db, 'guid', 'id', numbersFromList(db, p.ids)),
  )
  return ({ now, limit, at }) => {
    const listed = list({ now, limit })
    const ids = returnedBy(listed, 'ids')
    return [listed, insertListed({ at, ids }), removeListed({ ids })]
  }
}

function matches(p: Placeholders<Condition>) {
  return (row: ExpressionBuilder<GuidTables, 'guid'>) =>
    row.and([
      row('guid', '=', p.guid),
      row('expire', '>', p.now),
      row('version', '=', row.fn.coalesce(p.version, 'version')),
    ])
}

function expired(
  db: Kysely<GuidTables>,
  p: Placeholders<Bounds>,
): SelectQueryBuilder<GuidTables, 'guid', { id: number }> {
  return db
    .selectFrom('guid')
    .select('id')
    .where('expire', '<=', p.now)
    .orderBy('expire')
    .orderBy('id')
    .limit(p.limit)
}
