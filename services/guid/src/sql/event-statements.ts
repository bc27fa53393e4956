import { jsonObject } from '@quintet/chassis/database'
import type { GuidEvent } from '@quintet/contracts'
import { sql } from 'kysely'
import type { DeleteQueryBuilder, DeleteResult, Kysely, RawBuilder, SelectQueryBuilder } from 'kysely'
import { eventsStream } from '../port.ts'
import type { GuidTables } from './tables.ts'
import { raiseFloor } from './version-statements.ts'

type EventType = GuidEvent['type']
type Rows = SelectQueryBuilder<GuidTables, 'guid', object>

const columns = ['queue', 'key', 'body', 'created_at'] as const

/** Inserts an event for each row that `narrow` selects. The database builds it from the row, so it has the committed state. */
export function insertEvents(
  db: Kysely<GuidTables>,
  type: EventType,
  at: RawBuilder<number>,
  narrow: (rows: Rows) => Rows,
) {
  return db
    .insertInto('outbox')
    .columns(columns)
    .expression(narrow(db.selectFrom('guid')).select(valuesOf(db, type, at)))
}

/** Deletes rows, inserts an event for each of them, and adds their largest version to the floor, in one statement. */
export function deleteWithEvents(
  db: Kysely<GuidTables>,
  type: EventType,
  at: RawBuilder<number>,
  removal: DeleteQueryBuilder<GuidTables, 'guid', DeleteResult>,
) {
  return db
    .with('deleted', () => removal.returningAll())
    .with('raised', (from) => raiseFloor(from, from.selectFrom('deleted')))
    .insertInto('outbox')
    .columns(columns)
    .expression((from) => from.selectFrom('deleted').select(valuesOf(db, type, at)))
}

/** The values of the columns, in their order. */
function valuesOf(db: Kysely<GuidTables>, type: EventType, at: RawBuilder<number>) {
  const body = jsonObject(db, {
    type: sql.lit(type),
    guid: sql.ref('guid'),
    user: sql.ref('user'),
    expire: sql.ref('expire'),
    version: sql.ref('version'),
    owner: sql.ref('owner'),
  })
  return [sql.lit(eventsStream).as('queue'), 'guid', body.as('body'), at.as('at')] as const
}
