import {
  deleteSelected,
  dialectOf,
  numbersFromList,
  prepareQuery,
  returnedBy,
  skipLocked,
} from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { Kysely, SelectQueryBuilder } from 'kysely'
import { deleteWithEvents, insertEvents } from './event-statements.ts'
import type { ExpiryJudge } from './expiry.ts'
import type { GuidTables } from './tables.ts'
import { raiseFloor } from './version-statements.ts'

type At = { at: number }
type Key = { guid: string }
type Bounds = { now: number; limit: number }
type Removals = {
  /** Deletes a row that is held. */
  delete(values: At & Key): Statement[]
  sweep(values: At & Bounds): Statement[]
}

/**
 * The units that remove rows, with one event for each removed row, whatever other processes remove at the same time, and with
 * the largest of their versions for the floor.
 */
export function prepareRemovals(db: Kysely<GuidTables>, judge: ExpiryJudge): Removals {
  return dialectOf(db) === 'postgres' ? prepareCombined(db, judge) : prepareSeparate(db, judge)
}

/** On PostgreSQL one statement does it all. */
function prepareCombined(db: Kysely<GuidTables>, judge: ExpiryJudge): Removals {
  const remove = prepareQuery((p: Placeholders<At & Key>) =>
    deleteWithEvents(db, 'guid.deleted', p.at, db.deleteFrom('guid').where('guid', '=', p.guid)),
  )
  const sweep = prepareQuery((p: Placeholders<At & Bounds>) =>
    deleteWithEvents(
      db,
      'guid.expired',
      p.at,
      db.deleteFrom('guid').where('id', 'in', skipLocked(db, expired(db, judge, p))),
    ),
  )
  return {
    delete: (values) => [remove(values)],
    sweep: (values) => [sweep(values)],
  }
}

/** Elsewhere the events are inserted first. Until the rows are deleted they are locked (MySQL), or no other unit runs (SQLite). */
function prepareSeparate(db: Kysely<GuidTables>, judge: ExpiryJudge): Removals {
  const insertEvent = prepareQuery((p: Placeholders<At & Key>) =>
    insertEvents(db, 'guid.deleted', p.at, (rows) => rows.where('guid', '=', p.guid)),
  )
  const raise = prepareQuery((p: Placeholders<Key>) =>
    raiseFloor(db, db.selectFrom('guid').where('guid', '=', p.guid)),
  )
  const remove = prepareQuery((p: Placeholders<Key>) => db.deleteFrom('guid').where('guid', '=', p.guid))
  return {
    delete: (values) => [insertEvent(values), raise(values), remove(values)],
    sweep: prepareSeparateSweep(db, judge),
  }
}

/** Lists and locks the expired rows, then inserts the events of the listed rows, raises the floor and deletes them. */
function prepareSeparateSweep(db: Kysely<GuidTables>, judge: ExpiryJudge): Removals['sweep'] {
  const list = prepareQuery((p: Placeholders<Bounds>) =>
    db
      .selectFrom(skipLocked(db, expired(db, judge, p)).as('expired'))
      .select(sql<string>`coalesce(group_concat(id), '')`.as('ids')),
  )
  const insertListed = prepareQuery((p: Placeholders<At & { ids: string }>) =>
    insertEvents(db, 'guid.expired', p.at, (rows) =>
      rows.where(sql<boolean>`id in ${numbersFromList(db, p.ids)}`),
    ),
  )
  const raiseToListed = prepareQuery((p: Placeholders<{ ids: string }>) =>
    raiseFloor(db, db.selectFrom('guid').where(sql<boolean>`id in ${numbersFromList(db, p.ids)}`)),
  )
  const removeListed = prepareQuery((p: Placeholders<{ ids: string }>) =>
    deleteSelected(db, 'guid', 'id', numbersFromList(db, p.ids)),
  )
  return ({ now, limit, at }) => {
    const listed = list({ now, limit })
    const ids = returnedBy(listed, 'ids')
    return [listed, insertListed({ at, ids }), raiseToListed({ ids }), removeListed({ ids })]
  }
}

function expired(
  db: Kysely<GuidTables>,
  judge: ExpiryJudge,
  p: Placeholders<Bounds>,
): SelectQueryBuilder<GuidTables, 'guid', { id: number }> {
  return db
    .selectFrom('guid')
    .select('id')
    .where('expire', '<=', judge.now(p.now))
    .orderBy('expire')
    .orderBy('id')
    .limit(p.limit)
}
