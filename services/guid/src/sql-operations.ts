import { randomUUIDv7 } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import { asText, jsonObject, skipLocked, prepareQuery, deleteSelected } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import { outboxStatement } from '@quintet/chassis/outbox'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createBacklog } from './backlog.ts'
import type { GuidDatabase, GuidTables } from './sql-tables.ts'
import { commandsQueue, operationKeptMs, OperationOver } from './port.ts'
import type { OperationStore } from './port.ts'

/** Operations in the SQL database of the GUIDs. A command is stored with its operation in one unit. */
export function createSqlOperationStore({
  database,
  clock,
  backlogMax,
  wake,
}: {
  database: GuidDatabase
  clock: Clock
  backlogMax: number
  /** Wakes the relay of the outbox. */
  wake: () => void
}): OperationStore {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)
  const toOutbox = outboxStatement(database.query, commandsQueue)
  const backlog = createBacklog({ clock, backlogMax, count: countPending })

  async function countPending(): Promise<number> {
    const [row] = await database.read(statements.countPending({ limit: backlogMax }))
    return Number(row?.count ?? 0)
  }

  return {
    newId: () => randomUUIDv7(),

    async find(id) {
      const [row] = await database.read(statements.find({ id }))
      return row
    },

    async accept(id, command, answers) {
      const unit = [
        ...toKeep(answers),
        statements.accept({ id, at: clock.now() }),
        toOutbox({
          id,
          key: command.guid,
          body: JSON.stringify(command),
          createdAt: clock.now(),
        }),
      ]
      await backlog.admit(() => database.commit(unit))
      wake()
    },

    async fail(id, problem) {
      await database.commit([statements.fail({ id, problem: JSON.stringify(problem), at: clock.now() })])
    },

    async sweep(limit) {
      const before = clock.now() - operationKeptMs
      const { results } = await database.commit([statements.forget({ before, limit })])
      return results[0]?.changes ?? 0
    },
  }
}

/** The statements by which the effect of an operation ends it, in the unit of the effect. */
export function endingStatements(db: Kysely<GuidTables>): {
  /** To be first: refuses the unit with `OperationOver` when the operation is over. */
  begin(id: string, at: number): Statement
  /** To be last: keeps the GUID as it then is as the result. */
  keepResult(id: string, guid: string): Statement
} {
  const statements = {
    succeed: prepareQuery((p: Placeholders<Change>) =>
      db
        .updateTable('operation')
        .set({ status: 'succeeded', changed_at: p.at })
        .where('id', '=', p.id)
        .where('status', '=', 'pending'),
    ),
    keepResult: prepareQuery((p: Placeholders<{ id: string; guid: string }>) =>
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
    begin: (id, at) => ({ ...statements.succeed({ id, at }), mustAffectRows: () => new OperationOver() }),
    keepResult: (id, guid) => statements.keepResult({ id, guid }),
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
    accept: prepareQuery((p: Placeholders<Change>) =>
      db.insertInto('operation').values({ id: p.id, status: 'pending', changed_at: p.at }),
    ),
    fail: prepareQuery((p: Placeholders<Change & { problem: string }>) =>
      db
        .updateTable('operation')
        .set({ status: 'failed', problem: p.problem, changed_at: p.at })
        .where('id', '=', p.id)
        .where('status', '=', 'pending'),
    ),
    forget: prepareQuery((p: Placeholders<{ before: number; limit: number }>) =>
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
