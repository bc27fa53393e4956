import { sql } from 'kysely'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('queue')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('depth', 'integer', (column) => column.notNull())
    .execute()
  // Numbers are never used again, so that a late acknowledgement cannot hit a message that came after.
  await db.schema
    .createTable('message')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('queue', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('key', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('headers', 'text')
    .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('visible_at', 'integer')
    .addColumn('published_at', 'integer', (column) => column.notNull())
    .addColumn('failed_at', 'integer')
    .addColumn('reason', 'text')
    .execute()
  await createIndexes(db)
  await createTriggers(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('message').execute()
  await db.schema.dropTable('queue').execute()
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  const index = (name: string) => db.schema.createIndex(name).on('message')
  await index('message_identity').unique().columns(['queue', 'message_id']).execute()
  // Descending, so that a claim takes what is due again before what is new, each in the order of arrival.
  await index('message_claim')
    .columns(['queue', 'visible_at desc'])
    .where('visible_at', 'is not', null)
    .execute()
  // New messages are not in it: a random key in a long queue would cost more than all the rest of publishing.
  await sql`
    create index message_key on message (queue, key) where key is not null and visible_at <> 0`.execute(db)
}

async function createTriggers(db: Kysely<unknown>): Promise<void> {
  await sql`
    create trigger message_inserted after insert on message begin
      insert into queue (name, depth) values (new.queue, 1) on conflict (name) do update set depth = depth + 1;
    end`.execute(db)
  await sql`
    create trigger message_deleted after delete on message begin
      update queue set depth = depth - 1 where name = old.queue;
    end`.execute(db)
  await sql`
    create trigger message_followed after delete on message when old.key is not null and old.visible_at >= 0 begin
      update message set visible_at = 0 where id = (
        select id from message
         where queue = old.queue and key = old.key and visible_at <> 0 and visible_at = -1
         order by id limit 1);
    end`.execute(db)
}
