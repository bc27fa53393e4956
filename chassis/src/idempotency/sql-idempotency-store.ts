import type { Kysely } from 'kysely'
import {
  referenceInText,
  longText,
  skipLocked,
  valuePlaceholder,
  prepareQuery,
  deleteSelected,
} from '../database/index.ts'
import type { Database, Placeholders, Reference, Statement } from '../database/index.ts'
import { DuplicateRequest, idempotencyRetentionMs } from './port.ts'
import type { IdempotencyStore, IdempotencyRecord } from './port.ts'

export type IdempotencyTable = {
  idempotency: {
    id: string
    fingerprint: string
    status: number
    headers: string
    body: string
    created_at: number
  }
}

/** For the migrations of a service that supports Idempotency-Key. */
export async function createIdempotencyTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema
    .createTable('idempotency')
    .addColumn('id', 'varchar(64)', (column) => column.primaryKey().notNull())
    .addColumn('fingerprint', 'varchar(64)', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('headers', longText(db), (column) => column.notNull())
    .addColumn('body', longText(db), (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('idempotency_created_at').on('idempotency').column('created_at').execute()
}

export async function dropIdempotencyTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema.dropTable('idempotency').execute()
}

/** Records in the SQL database of the service. */
export function createSqlIdempotencyStore({
  query: db,
  read,
  commit,
}: Database<IdempotencyTable>): IdempotencyStore {
  const insertRecords = recordStatements(db)
  const find = prepareQuery((p: Placeholders<{ id: string; since: number }>) =>
    db
      .selectFrom('idempotency')
      .select(['fingerprint', 'status', 'headers', 'body'])
      .where('id', '=', p.id)
      .where('created_at', '>', p.since),
  )
  const forget = prepareQuery((p: Placeholders<{ since: number; limit: number }>) =>
    deleteSelected(
      db,
      'idempotency',
      'id',
      skipLocked(
        db,
        db.selectFrom('idempotency').select('id').where('created_at', '<=', p.since).limit(p.limit),
      ),
    ),
  )
  return {
    async find(id, since) {
      const [row] = await read(find({ id, since }))
      if (row === undefined) return undefined
      const { fingerprint, status, body } = row
      const headers: Record<string, string> = JSON.parse(row.headers)
      return { fingerprint, response: { status, headers, body } }
    },
    async insert(record) {
      await commit(insertRecords([record]))
    },
    async removeOlder(since, limit) {
      const { results } = await commit([forget({ since, limit })])
      return results[0]?.changes ?? 0
    },
  }
}

/**
 * Makes the statements that a store puts into the unit of the effect. If the responses have `valuePlaceholder`, they must come
 * after the statement that `id` refers to.
 */
export function recordStatements(
  db: Kysely<IdempotencyTable>,
): (records: readonly IdempotencyRecord[], id?: Reference) => Statement[] {
  // An expired record is replaced; a valid one refuses the unit.
  const insert = prepareQuery((p: Placeholders<IdempotencyTable['idempotency'] & { since: number }>) =>
    db
      .insertInto('idempotency')
      .values({
        id: p.id,
        fingerprint: p.fingerprint,
        status: p.status,
        headers: p.headers,
        body: p.body,
        created_at: p.created_at,
      })
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((row) => ({
            fingerprint: row.ref('excluded.fingerprint'),
            status: row.ref('excluded.status'),
            headers: row.ref('excluded.headers'),
            body: row.ref('excluded.body'),
            created_at: row.ref('excluded.created_at'),
          }))
          .where('idempotency.created_at', '<=', p.since),
      ),
  )
  function statementOf(record: IdempotencyRecord, created: Reference | undefined): Statement {
    const { id, fingerprint, response, createdAtMs } = record
    const text = (template: string) => (created === undefined ? template : referenceInText(created, template))
    const statement = insert({
      id,
      fingerprint,
      status: response.status,
      // JSON escapes the character.
      headers: text(JSON.stringify(response.headers).replaceAll('\\u0000', valuePlaceholder)),
      body: text(response.body),
      created_at: createdAtMs,
      since: createdAtMs - idempotencyRetentionMs,
    })
    return { ...statement, mustAffectRows: () => new DuplicateRequest() }
  }

  return (records, id) => records.map((record) => statementOf(record, id))
}
