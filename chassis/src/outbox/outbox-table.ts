import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'
import { dialectOf, identityColumn, longText } from '../database/index.ts'

/** The tables that a service with an outbox must have. */
export type OutboxTable = {
  outbox: {
    id: Generated<number>
    queue: string
    /** For a message with an id of its own; others get one made of the row's id and the name of the outbox. */
    message_id: string | null
    key: string
    /** In a row of several messages, a JSON array of their keys; `key` is empty and `body` is an array then. */
    keys: string | null
    body: string
    created_at: number
  }
  outbox_relay: { source: string; holder: string | null; lease_until: number }
}

/** For the first migration of a service with an outbox; `dropOutboxTable` reverts it. */
export async function createOutbox<T>(db: Kysely<T>): Promise<void> {
  await createOutboxTable(db)
  await addOutboxKeys(db)
}

/** The outbox as it was before rows could hold several messages; migrations that use it are followed by `addOutboxKeys`. */
export async function createOutboxTable<T>(db: Kysely<T>): Promise<void> {
  // Ids are never reused, so that message ids made of them stay unique.
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
  // Exactly one row, also if the engine had to retry the migration.
  await sql`delete from outbox_relay`.execute(db)
  await sql`insert into outbox_relay (source, lease_until) values (${source}, 0)`.execute(db)
}

/** Lets a row hold several messages: those of units that were run as one batch. */
export async function addOutboxKeys<T>(db: Kysely<T>): Promise<void> {
  await db.schema.alterTable('outbox').addColumn('keys', longText(db)).execute()
  // Rows are deleted within moments, so compressing them does not pay.
  if (dialectOf(db) === 'postgres')
    await sql`alter table outbox alter keys set storage external, alter body set storage external`.execute(db)
}

/** Splits rows of several messages into one row each, in order. */
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
