import { randomUUIDv7 } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import { asText, jsonObject, notTaken, prepareQuery, removeFound } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { outboxStatement } from '@quintet/chassis/queue'
import type { GuidCommand } from '@quintet/contracts'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { GuidDatabase, GuidTables } from './guid-store.ts'

export const commandsQueue = 'guid.commands'

const keptMs = 24 * 3_600_000
const countedAgainMs = 100

/** The operation is over, as its command finds when it is delivered again. */
export class OperationOver extends Error {}

export type OperationStore = ReturnType<typeof createOperationStore>

/**
 * Work that was accepted with 202, from `pending` to `succeeded` or `failed`. A command is stored with its operation in one
 * unit and reaches the queue by way of the outbox, so an accepted one is never lost, whether the queue is up or not.
 */
export function createOperationStore({
  database,
  clock,
  backlogMax,
}: {
  database: GuidDatabase
  clock: Clock
  backlogMax: number
}) {
  const statements = prepareStatements(database.query)
  const toOutbox = outboxStatement(database.query)
  const backlog = createBacklog({ clock, backlogMax, count: countPending })

  async function countPending(): Promise<number> {
    const [row] = await database.read(statements.countPending({ limit: backlogMax }))
    return Number(row?.count ?? 0)
  }

  return {
    newId: (): string => randomUUIDv7(),

    async find(id: string): Promise<GuidTables['operation'] | undefined> {
      const [row] = await database.read(statements.find({ id }))
      return row
    },

    /** Stores a command for the workers, or refuses with `overloaded` when too many are waiting. */
    async accept(id: string, command: GuidCommand, first: readonly Statement[]): Promise<void> {
      const unit = [
        ...first,
        statements.accept({ id, at: clock.now() }),
        toOutbox({
          queue: commandsQueue,
          id,
          key: command.guid,
          body: JSON.stringify(command),
          createdAt: clock.now(),
        }),
      ]
      await backlog.admit(() => database.commit(unit))
    },

    /** To be first in the unit of the effect, which it refuses with `OperationOver`. */
    begin: (id: string): Statement => ({
      ...statements.succeed({ id, at: clock.now() }),
      required: () => new OperationOver(),
    }),

    /** To be last in the unit of the effect: keeps the GUID as it now is as the result. */
    keepResult: (id: string, guid: string): Statement => statements.keepResult({ id, guid }),

    async fail(id: string, problem: Record<string, unknown>): Promise<void> {
      await database.commit([statements.fail({ id, problem: JSON.stringify(problem), at: clock.now() })])
    },

    /** Forgets operations that have been over for 24 hours, `limit` at most; resolves to how many. */
    async sweep(limit: number): Promise<number> {
      const { results } = await database.commit([statements.forget({ before: clock.now() - keptMs, limit })])
      return results[0]?.changes ?? 0
    },
  }
}

/**
 * Bounds the work that waits. Counting costs in proportion to the backlog, so it is done ten times a second at most; what
 * was admitted since is added, though some of it may be over, and what is being stored counts from its beginning.
 */
function createBacklog({
  clock,
  backlogMax,
  count,
}: {
  clock: Clock
  backlogMax: number
  count: () => Promise<number>
}) {
  let counted = 0
  let storedSince = 0
  let beingStored = 0
  let countedAtMs = Number.NEGATIVE_INFINITY

  return {
    async admit<R>(store: () => Promise<R>): Promise<R> {
      if (clock.now() - countedAtMs >= countedAgainMs) {
        countedAtMs = clock.now()
        storedSince = 0
        counted = await count()
      }
      if (counted + storedSince + beingStored >= backlogMax)
        throw new AppError('overloaded', 'Too many operations are waiting; try again shortly.', {
          retryAfterSeconds: 2,
        })
      beingStored += 1
      try {
        return await store()
      } finally {
        beingStored -= 1
        storedSince += 1
      }
    },
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
    fail: prepareQuery((p: Placeholders<Change & { problem: string }>) =>
      db
        .updateTable('operation')
        .set({ status: 'failed', problem: p.problem, changed_at: p.at })
        .where('id', '=', p.id)
        .where('status', '=', 'pending'),
    ),
    forget: prepareQuery((p: Placeholders<{ before: number; limit: number }>) =>
      removeFound(
        db,
        'operation',
        'id',
        notTaken(
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
