import { identityColumn } from '@quintet/chassis/database'
import { createIdempotencyTable, dropIdempotencyTable } from '@quintet/chassis/idempotency'
import { createOutboxTable, dropOutboxTable } from '@quintet/chassis/outbox'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // Ids are never reused, so that the id of a deleted user or certificate can never refer to another.
  await db.schema
    .createTable('user')
    .addColumn('id', ...identityColumn(db))
    .addColumn('name', 'varchar(256)', (column) => column.notNull())
    .addColumn('email', 'varchar(254)', (column) => column.notNull())
    .addColumn('email_key', 'varchar(1024)', (column) => column.notNull().unique())
    .addColumn('password_hash', 'varchar(512)', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('certificate')
    .addColumn('id', ...identityColumn(db))
    .addColumn('uid', 'varchar(36)', (column) => column.notNull())
    .addColumn('user_id', 'bigint', (column) => column.notNull().references('user.id').onDelete('cascade'))
    .addColumn('active', 'integer', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('not_before', 'bigint')
    .addColumn('not_after', 'bigint')
    .addColumn('notice_at', 'bigint')
    .addColumn('key_id', 'varchar(16)', (column) => column.notNull())
    .addColumn('wrapped_key', 'varchar(128)', (column) => column.notNull())
    .addColumn('ciphertext', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('x509', 'text')
    .execute()
  await db.schema.createIndex('certificate_user').on('certificate').columns(['user_id', 'id']).execute()
  await db.schema.createIndex('certificate_key').on('certificate').column('key_id').execute()
  // Partial indexes, since bodies that are not X.509 have neither an expiry nor notices.
  await db.schema
    .createIndex('certificate_end')
    .on('certificate')
    .columns(['not_after', 'id'])
    .where('not_after', 'is not', null)
    .execute()
  await db.schema
    .createIndex('certificate_notice')
    .on('certificate')
    .column('notice_at')
    .where('notice_at', 'is not', null)
    .execute()
  await createNotificationTables(db)
  await createIdempotencyTable(db)
  await createOutboxTable(db)
}

async function createNotificationTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('notification')
    .addColumn('id', ...identityColumn(db))
    .addColumn('delivery_id', 'varchar(36)', (column) => column.notNull().unique())
    .addColumn('certificate_id', 'bigint', (column) =>
      column.notNull().references('certificate.id').onDelete('cascade'),
    )
    .addColumn('event', 'varchar(32)', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('status', 'varchar(9)', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('notification_certificate')
    .on('notification')
    .columns(['certificate_id', 'id'])
    .execute()
  await db.schema
    .createIndex('notification_changed_at')
    .on('notification')
    .columns(['status', 'changed_at'])
    .execute()
  await db.schema
    .createTable('delivery_attempt')
    .addColumn('id', ...identityColumn(db))
    .addColumn('notification_id', 'bigint', (column) =>
      column.notNull().references('notification.id').onDelete('cascade'),
    )
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('status', 'integer')
    .addColumn('error', 'varchar(200)')
    .execute()
  await db.schema
    .createIndex('delivery_attempt_notification')
    .on('delivery_attempt')
    .columns(['notification_id', 'id'])
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropOutboxTable(db)
  await dropIdempotencyTable(db)
  for (const table of ['delivery_attempt', 'notification', 'certificate', 'user'])
    await db.schema.dropTable(table).execute()
}
