import { createSqlArbiter } from '@quintet/chassis/cache'
import {
  engineMilliseconds,
  followEngineClock,
  migrateDatabase,
  openDatabase,
} from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import type { Diagnose } from '@quintet/chassis/diagnosis'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import { createSqlOutbox } from '@quintet/chassis/outbox'
import type { Metrics } from '@quintet/chassis/telemetry'
import { sql } from 'kysely'
import type { Storage } from './port.ts'
import { createSqlGuidStore } from './sql/guid-store.ts'
import { createSqlOperationStore } from './sql/operation-store.ts'
import type { GuidDatabase, GuidTables } from './sql/tables.ts'
import { createFloorSweep } from './sql/version-statements.ts'

/** Opens the database of a URL; the scheme chooses the engine, whose library is loaded only then. */
export async function openStorage(url: string, metrics?: Metrics): Promise<Storage> {
  if (isMongo(url)) return (await import('./mongodb/storage.ts')).openMongoStorage(url, metrics)
  const database = await openDatabase<GuidTables>(url, { migrations, metrics })
  const opened = new AsyncDisposableStack()
  opened.defer(database.close)
  return {
    isSingleProcess: database.isSingleProcess,
    arbiter: createSqlArbiter(database),
    ping: database.ping,
    outbox: createSqlOutbox(database),

    createStores(clock) {
      const engine = followEngineClock(clock, () => readClock(database))
      opened.defer(engine.stop)
      return {
        engineClock: engine.clock,
        readEngineClock: engine.read,
        guids: createSqlGuidStore({ database, clock, engineClock: engine.clock }),
        operations: createSqlOperationStore({ database, clock }),
        idempotencyStore: createSqlIdempotencyStore(database),
        sweeps: [createFloorSweep(database)],
      }
    },

    close: () => opened.disposeAsync(),
  }
}

function readClock({ query, read }: GuidDatabase): number | Promise<number> {
  const rows = read(sql<{ now: number }>`select ${engineMilliseconds(query)} as now`.compile(query))
  const timeIn = ([row]: readonly { now: number }[]) => Number(row?.now ?? Number.NaN)
  return rows instanceof Promise ? rows.then(timeIn) : timeIn(rows)
}

/** Applies the pending migrations, reverts the newest, or lists their status; returns their names. */
export async function migrateStorage(url: string, action: MigrationAction): Promise<string[]> {
  if (isMongo(url)) return (await import('./mongodb/migrations.ts')).migrateMongo(url, action)
  return migrateDatabase(url, { migrations }, action)
}

/** The diagnosis that `quintet doctor` runs on an engine that only this service supports; undefined for any other. */
export function diagnoserOf(url: string): Diagnose | undefined {
  return isMongo(url) ? async () => (await import('./mongodb/diagnosis.ts')).diagnoseMongodb(url) : undefined
}

function isMongo(url: string): boolean {
  return /^mongodb(\+srv)?:/.test(url)
}

const migrations = new URL('../migrations/', import.meta.url)
