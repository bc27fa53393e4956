import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Generated, Kysely, RawBuilder } from 'kysely'
import {
  dialectOf,
  identityColumn,
  longText,
  numbersFromList,
  prepareQuery,
  deleteSelected,
} from '../database/index.ts'
import type { Database, Placeholders, Statement } from '../database/index.ts'
import { createRelay } from './relay.ts'
import type { Outbox, OutboxRelay } from './relay.ts'

/** What the tables of a service with an outbox must include. */
export type OutboxTable = {
  outbox: {
    id: Generated<number>
    queue: string
    /** Given where the message must be recognised; else made of the row's number and the name of its database. */
    message_id: string | null
    key: string
    /** Where the row stands for several messages: a JSON array of their keys, of which `key` has none; `body` is one of bodies. */
    keys: string | null
    body: string
    created_at: number
  }
  outbox_relay: { source: string; holder: string | null; lease_until: number }
}

/** A message on its way to a queue; `createdAt` in milliseconds. */
export type OutboxMessage = {
  readonly key: string
  readonly body: string
  readonly createdAt: number
  readonly id?: string
}

/** For the migrations of a service that publishes what it commits; `addOutboxKeys` belongs to it. */
export async function createOutboxTable<T>(db: Kysely<T>): Promise<void> {
  // Numbers are never used again, so that the ids made of them stay unique.
  await db.schema
    .createTable('outbox')
    .addColumn('id', ...identityColumn(db))
    .addColumn('queue', 'varchar(128)', (column) => column.notNull())
    .addColumn('message_id', 'varchar(128)')
    .addColumn('key', 'varchar(256)', (column) => column.notNull())
    .addColumn('body', longText(db), (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('outbox_relay')
    .addColumn('source', 'varchar(32)', (column) => column.primaryKey().notNull())
    .addColumn('holder', 'varchar(36)')
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .execute()
  const source = randomBytes(8).toString('hex')
  // There is one row, though an engine may have had to begin this again.
  await sql`delete from outbox_relay`.execute(db)
  await sql`insert into outbox_relay (source, lease_until) values (${source}, 0)`.execute(db)
}

/** For a later migration of a service that has the table: a row may stand for what units told that were run together. */
export async function addOutboxKeys<T>(db: Kysely<T>): Promise<void> {
  await db.schema.alterTable('outbox').addColumn('keys', longText(db)).execute()
  // What is gone in a moment is not worth compressing.
  if (dialectOf(db) === 'postgres')
    await sql`alter table outbox alter keys set storage external, alter body set storage external`.execute(db)
}

/** What waits gets rows of its own again, in the order in which it waited. */
export async function dropOutboxKeys<T>(db: Kysely<T>): Promise<void> {
  if (dialectOf(db) === 'postgres')
    await sql`with waiting as (delete from outbox returning *)
      insert into outbox (queue, message_id, key, body, created_at)
      select queue, message_id, message.key, message.body, created_at from waiting
      cross join lateral rows from (
        json_array_elements_text(case when keys is null then json_build_array(waiting.key) else keys::json end),
        json_array_elements_text(case when keys is null then json_build_array(waiting.body) else waiting.body::json end)
      ) with ordinality as message (key, body, place)
      order by id, place`.execute(db)
  await db.schema.alterTable('outbox').dropColumn('keys').execute()
}

export async function dropOutboxTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema.dropTable('outbox_relay').execute()
  await db.schema.dropTable('outbox').execute()
}

/** Makes the statement that a store puts into the unit of the effect that the message tells of. */
export function outboxStatement(
  db: Kysely<OutboxTable>,
  queue: string,
): (message: OutboxMessage) => Statement {
  const insert = prepareQuery((p: Placeholders<Unnamed>) =>
    db
      .insertInto('outbox')
      .values({ queue: sql.lit(queue), key: p.key, body: p.body, created_at: p.createdAt }),
  )
  const insertNamed = prepareQuery((p: Placeholders<Required<OutboxMessage>>) =>
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
    id === undefined ? { ...insert(message), ...batchSql } : insertNamed({ ...message, id })
}

type Unnamed = Omit<OutboxMessage, 'id'>

/** One row for all messages: writing, reading and removing a row costs more than what is in it. */
function batchInsertSql(db: Kysely<OutboxTable>, queue: string): string {
  const insert = prepareQuery((p: Placeholders<{ [K in keyof Unnamed]: Unnamed[K][] }>) =>
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

/** The relay over the outbox of a SQL database. */
export function createOutboxRelay({
  database,
  ...options
}: Omit<Parameters<typeof createRelay>[0], 'outbox'> & { database: Database<OutboxTable> }): OutboxRelay {
  return createRelay({ ...options, outbox: createSqlOutbox(database) })
}

/** The outbox that is a table. */
export function createSqlOutbox(database: Database<OutboxTable>): Outbox {
  const statements = prepareStatements(database.query)
  return {
    oldest: async (limit) => database.read(statements.oldest({ limit })),
    async takeLease(lease) {
      const { results } = await database.commit([
        { ...statements.takeLease(lease), mustAffectRows: true },
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

/** A database whose commits have the relay look at once: what was committed may have left messages in the outbox. */
export function wakeAfterCommit<Tables>(
  database: Database<Tables>,
  relay: Pick<OutboxRelay, 'wake'>,
): Database<Tables> {
  return {
    ...database,
    async commit(unit, deadline) {
      const outcome = await database.commit(unit, deadline)
      relay.wake()
      return outcome
    },
  }
}

/** As many rows as have `limit` messages together. */
function oldest(db: Kysely<OutboxTable>, limit: RawBuilder<number>) {
  const rows = db.selectFrom('outbox').select(outboxColumns).orderBy('id').limit(limit)
  // Elsewhere each message has a row of its own.
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
    takeLease: prepareQuery((p: Placeholders<{ holder: string; now: number; until: number }>) =>
      db
        .updateTable('outbox_relay')
        .set({ holder: p.holder, lease_until: p.until })
        .where((row) => row.or([row('holder', '=', p.holder), row('lease_until', '<=', p.now)])),
    ),
    source: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom('outbox_relay').select('source'),
    ),
    releaseLease: prepareQuery((p: Placeholders<{ holder: string }>) =>
      db.updateTable('outbox_relay').set({ lease_until: 0 }).where('holder', '=', p.holder),
    ),
    oldest: prepareQuery((p: Placeholders<{ limit: number }>) => oldest(db, p.limit)),
    // Exactly those: on a server a row with a smaller number may become visible later.
    remove: prepareQuery((p: Placeholders<{ ids: string }>) =>
      deleteSelected(db, 'outbox', 'id', numbersFromList(db, p.ids)),
    ),
    // Counting would read every row; numbers are given without gaps, but rows of a full queue are overtaken.
    backlog: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectNoFrom((row) => [
        sql<number>`${row.selectFrom('outbox').select((max) => max.fn.max('id').as('id'))}
          - ${row.selectFrom('outbox').select((min) => min.fn.min('id').as('id'))} + 1`.as('rows'),
        row.selectFrom('outbox').select('created_at').orderBy('id').limit(1).as('oldest_at'),
      ]),
    ),
  }
}
