import type { Clock } from '@quintet/chassis/clock'
import { asText, jsonObject, skipLocked, prepareQuery, deleteSelected } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import { recordStatements } from '@quintet/chassis/idempotency'
import { outboxStatement } from '@quintet/chassis/outbox'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { commandsQueue, operationRetentionMs, OperationCompleted } from '../port.ts'
import type { OperationStore } from '../port.ts'
import type { GuidDatabase, GuidTables } from './tables.ts'

/** Operations in the SQL database of the GUIDs. A command is committed with its operation in one unit. */
export function createSqlOperationStore({
  database,
  clock,
}: {
  database: GuidDatabase
  clock: Clock
}): OperationStore {
  const statements = prepareStatements(database.query)
  const insertRecords = recordStatements(database.query)
  const insertMessage = outboxStatement(database.query, commandsQueue)

  return {
    async find(id) {
      const [row] = await database.read(statements.find({ id }))
      return row
    },

    async accept(id, command, records) {
      const at = clock.now()
      const unit = [
        ...insertRecords(records),
        statements.insert({ id, at, owner: command.access?.owner ?? null }),
        insertMessage({ id, key: command.guid, body: JSON.stringify(command), createdAt: at }),
      ]
      await database.commit(unit)
    },

    async countPending(limit) {
      const [row] = await database.read(statements.countPending({ limit }))
      return Number(row?.count ?? 0)
    },

    async fail(id, problem) {
      await database.commit([statements.fail({ id, problem: JSON.stringify(problem), at: clock.now() })])
    },

    async sweep(limit) {
      const before = clock.now() - operationRetentionMs
      const { results } = await database.commit([statements.removeCompleted({ before, limit })])
      return results[0]?.changes ?? 0
    },
  }
}

/** The statements that complete an operation in the unit of its effect. */
export function completionStatements(db: Kysely<GuidTables>): {
  /** Must come first: refuses the unit with `OperationCompleted` unless the operation is pending. */
  complete(id: string, at: number): Statement
  /** Must come last: stores the changed GUID as the result. */
  storeResult(id: string, guid: string): Statement
} {
  const statements = {
    succeed: prepareQuery((p: Placeholders<Change>) =>
      db
        .updateTable('operation')
        .set({ status: 'succeeded', changed_at: p.at })
        .where('id', '=', p.id)
        .where('status', '=', 'pending'),
    ),
    storeResult: prepareQuery((p: Placeholders<{ id: string; guid: string }>) =>
      db
        .updateTable('operation')
        .set({
          result: db
            .selectFrom('guid')
            .select(
              jsonObject(db, {
                guid: sql.ref('guid'),
                user: sql.ref('user'),
                expire: asText(db, sql.ref('expire')),
              }).as('result'),
            )
            .where('guid', '=', p.guid),
        })
        .where('id', '=', p.id),
    ),
  }
  return {
    complete: (id, at) => ({
      ...statements.succeed({ id, at }),
      mustAffectRows: () => new OperationCompleted(),
    }),
    storeResult: (id, guid) => statements.storeResult({ id, guid }),
  }
}

type Change = { id: string; at: number }

function prepareStatements(db: Kysely<GuidTables>) {
  return {
    find: prepareQuery((p: Placeholders<{ id: string }>) =>
      db.selectFrom('operation').selectAll().where('id', '=', p.id),
    ),
    countPending: prepareQuery((p: Placeholders<{ limit: number }>) =>
      db
        .selectFrom(
          db
            .selectFrom('operation')
            .select('id')
            .where('status', '=', 'pending')
            .limit(p.limit)
            .as('pending'),
        )
        .select((row) => row.fn.countAll().as('count')),
    ),
    insert: prepareQuery((p: Placeholders<Change & { owner: Owner }>) =>
      db.insertInto('operation').values({ id: p.id, owner: p.owner, status: 'pending', changed_at: p.at }),
    ),
    fail: prepareQuery((p: Placeholders<Change & { problem: string }>) =>
      db
        .updateTable('operation')
        .set({ status: 'failed', problem: p.problem, changed_at: p.at })
        .where('id', '=', p.id)
        .where('status', '=', 'pending'),
    ),
    removeCompleted: prepareQuery((p: Placeholders<{ before: number; limit: number }>) =>
      deleteSelected(
        db,
        'operation',
        'id',
        skipLocked(
          db,
          db
            .selectFrom('operation')
            .select('id')
            .where('status', 'in', ['succeeded', 'failed'])
            .where('changed_at', '<=', p.before)
            .limit(p.limit),
        ),
      ),
    ),
  }
}
