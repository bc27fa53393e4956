import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import type { Diagnose } from '@quintet/chassis/diagnosis'
import type { Metrics } from '@quintet/chassis/telemetry'
import type { Storage } from './port.ts'
import { createSqlAccountStore } from './sql-account-store.ts'
import type { AccountTables } from './sql-account-statements.ts'

/** Opens the storage that the URL selects; the DynamoDB client is loaded only when it is used. */
export async function openStorage(url: string, cacheUrl: string, metrics?: Metrics): Promise<Storage> {
  if (isDynamodb(url))
    return (await import('./dynamodb/storage.ts')).openDynamodbStorage(url, cacheUrl, metrics)
  const database = await openDatabase<AccountTables>(url, { migrations, metrics })
  return {
    accounts: createSqlAccountStore(database),
    idempotencyStore: createSqlIdempotencyStore(database),
    ping: database.ping,
    close: database.close,
  }
}

/** For `quintet migrate`: lists the migrations, applies those that are pending, or reverts the newest. */
export async function migrateStorage(url: string, action: MigrationAction): Promise<string[]> {
  if (isDynamodb(url)) return (await import('./dynamodb/table.ts')).migrateTable(url, action)
  return migrateDatabase(url, { migrations }, action)
}

/** For `quintet doctor`: the diagnosis of an engine that only the brokerage supports. */
export function diagnoserOf(url: string): Diagnose | undefined {
  return isDynamodb(url)
    ? async () => (await import('./dynamodb/diagnosis.ts')).diagnoseDynamodb(url)
    : undefined
}

const migrations = new URL('../migrations/', import.meta.url)

function isDynamodb(url: string): boolean {
  return url.startsWith('dynamodb:')
}
