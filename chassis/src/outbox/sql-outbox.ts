import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import {
  asBigint,
  deleteSelected,
  dialectOf,
  engineMilliseconds,
  numbersFromList,
  prepareQuery,
} from '../database/index.ts'
import type { Database, Placeholders, Statement } from '../database/index.ts'
import type { OutboxTable } from './outbox-table.ts'
import { leaseToleranceMs } from './port.ts'
import type { Outbox } from './port.ts'

/** A message for a queue or a stream; `createdAt` in milliseconds. */
export type OutboxMessage = {
  readonly key: string
  readonly body: string
  readonly createdAt: number
  readonly id?: string
}

/** The outbox of a SQL database. */
export function createSqlOutbox(database: Database<OutboxTable>): Outbox {
  const statements = prepareStatements(database.query)
  return {
    oldest: async (limit) => database.read(statements.oldest({ limit })),
    async takeLease({ holder, leaseMs, now = null }) {
      const { results } = await database.commit([
        { ...statements.takeLease({ holder, leaseMs, now }), mustAffectRows: true },
        statements.source({}),
      ])
      const source = results[1]?.rows[0]?.source
      return source === undefined ? undefined : String(source)
    },
    async remove(rows, holder) {
      const unit: Statement[] = []
      if (rows.length > 0) unit.push(statements.remove({ ids: rows.map(({ id }) => id).join(',') }))
      if (holder !== undefined) unit.push(statements.releaseLease({ holder }))
      await database.commit(unit)
    },
    async backlog() {
      const [row] = await database.read(statements.backlog({}))
      const oldestAt = row?.oldest_at ?? undefined
      return { rows: Number(row?.rows ?? 0), ...(oldestAt !== undefined && { oldestAt: Number(oldestAt) }) }
    },
  }
}

/** Prepares the statement that adds a message, for the unit that makes the change the message describes. */
export function outboxStatement(
  db: Kysely<OutboxTable>,
  queue: string,
): (message: OutboxMessage) => Statement {
  const insert = prepareQuery((p: Placeholders<WithoutId>) =>
    db
      .insertInto('outbox')
      .values({ queue: sql.lit(queue), key: p.key, body: p.body, created_at: p.createdAt }),
  )
  const insertWithId = prepareQuery((p: Placeholders<Required<OutboxMessage>>) =>
    db.insertInto('outbox').values({
      queue: sql.lit(queue),
      message_id: p.id,
      key: p.key,
      body: p.body,
      created_at: p.createdAt,
    }),
  )
  const batchSql = dialectOf(db) === 'postgres' ? { batchSql: batchInsertSql(db, queue) } : {}
  return ({ id, ...message }) =>
    id === undefined ? { ...insert(message), ...batchSql } : insertWithId({ ...message, id })
}

type WithoutId = Omit<OutboxMessage, 'id'>

/** Inserts one row for all messages of a batch of units: a row costs more than its content. */
function batchInsertSql(db: Kysely<OutboxTable>, queue: string): string {
  const insert = prepareQuery((p: Placeholders<{ [K in keyof WithoutId]: WithoutId[K][] }>) =>
    db.insertInto('outbox').values({
      queue: sql.lit(queue),
      key: sql.lit(''),
      keys: sql`to_json(${p.key})`,
      body: sql`to_json(${p.body})`,
      created_at: sql`(${p.createdAt})[1]`,
    }),
  )
  return insert({ key: [], body: [], createdAt: [] }).sql
}

/** The oldest rows that hold `limit` messages in all. */
function oldest(db: Kysely<OutboxTable>, limit: RawBuilder<number>) {
  const rows = db.selectFrom('outbox').select(outboxColumns).orderBy('id').limit(limit)
  // On other engines each row holds one message.
  if (dialectOf(db) !== 'postgres') return rows
  const messages = sql<number>`coalesce(json_array_length(keys::json), 1)`
  const counted = db
    .selectFrom(rows.as('oldest'))
    .selectAll()
    .select(sql<number>`sum(${messages}) over (order by id) - ${messages}`.as('before'))
  return db.selectFrom(counted.as('counted')).select(outboxColumns).where('before', '<', limit).orderBy('id')
}

const outboxColumns = ['id', 'queue', 'message_id', 'key', 'keys', 'body'] as const

function prepareStatements(db: Kysely<OutboxTable>) {
  return {
    takeLease: prepareQuery((p: Placeholders<{ holder: string; leaseMs: number; now: number | null }>) => {
      const now = asBigint(db, sql<number>`coalesce(${p.now}, ${engineMilliseconds(db)})`)
      const until = sql<number>`${now} + ${asBigint(db, p.leaseMs)}`
      return db
        .updateTable('outbox_relay')
        .set({ holder: p.holder, lease_until: until })
        .where((row) =>
          row.or([
            row('holder', '=', p.holder),
            row('lease_until', '<=', now),
            row('lease_until', '>', sql<number>`${until} + ${sql.lit(leaseToleranceMs)}`),
          ]),
        )
    }),
    source: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom('outbox_relay').select('source'),
    ),
    releaseLease: prepareQuery((p: Placeholders<{ holder: string }>) =>
      db.updateTable('outbox_relay').set({ lease_until: 0 }).where('holder', '=', p.holder),
    ),
    oldest: prepareQuery((p: Placeholders<{ limit: number }>) => oldest(db, p.limit)),
    // By id, since a row with a smaller one may become visible later.
    remove: prepareQuery((p: Placeholders<{ ids: string }>) =>
      deleteSelected(db, 'outbox', 'id', numbersFromList(db, p.ids)),
    ),
    // An upper bound, from the range of ids: counting would read every row.
    backlog: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectNoFrom((row) => [
        sql<number>`${row.selectFrom('outbox').select((max) => max.fn.max('id').as('id'))}
          - ${row.selectFrom('outbox').select((min) => min.fn.min('id').as('id'))} + 1`.as('rows'),
        row.selectFrom('outbox').select('created_at').orderBy('id').limit(1).as('oldest_at'),
      ]),
    ),
  }
}
