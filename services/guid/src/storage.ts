import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import type { Diagnose } from '@quintet/chassis/diagnosis'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import { createSqlOutbox } from '@quintet/chassis/outbox'
import { createSqlGuidStore } from './sql-guid-store.ts'
import type { GuidTables } from './sql-tables.ts'
import { createSqlOperationStore } from './sql-operations.ts'
import type { Storage } from './port.ts'

/** Opens what the URL names; the scheme chooses the engine, whose library is loaded only then. */
export async function openStorage(url: string): Promise<Storage> {
  if (isMongo(url)) return (await import('./mongodb/storage.ts')).openMongoStorage(url)
  const database = await openDatabase<GuidTables>(url, { migrations })
  return {
    isSingleProcess: database.isSingleProcess,
    ping: database.ping,
    outbox: createSqlOutbox(database),

    createStores({ cache, clock, backlogMax, wake }) {
      return {
        guids: createSqlGuidStore({ database, cache, clock, wake }),
        operations: createSqlOperationStore({ database, clock, backlogMax, wake }),
        idempotencyStore: createSqlIdempotencyStore(database),
        sweeps: [],
      }
    },

    close: database.close,
  }
}

/** Applies what has not been applied, takes the newest back, or tells how it stands; gives the names. */
export async function migrateStorage(url: string, action: MigrationAction): Promise<string[]> {
  if (isMongo(url)) return (await import('./mongodb/migrations.ts')).migrateMongo(url, action)
  return migrateDatabase(url, { migrations }, action)
}

/** How `quintet doctor` examines an engine that only this service can use; undefined for any other. */
export function diagnoserOf(url: string): Diagnose | undefined {
  return isMongo(url) ? async () => (await import('./mongodb/diagnosis.ts')).diagnoseMongodb(url) : undefined
}

function isMongo(url: string): boolean {
  return /^mongodb(\+srv)?:/.test(url)
}

const migrations = new URL('../migrations/', import.meta.url)
