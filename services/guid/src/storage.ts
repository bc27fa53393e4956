import type { Cache } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { MigrationAction, Sweep } from '@quintet/chassis/database'
import { createSqlAnswers } from '@quintet/chassis/http'
import type { AnswerStore } from '@quintet/chassis/http'
import { createSqlOutbox, wakeAfterCommit } from '@quintet/chassis/queue'
import type { Outbox } from '@quintet/chassis/queue'
import { createSqlGuids } from './sql-guids.ts'
import type { GuidTables } from './sql-guids.ts'
import { createSqlOperations } from './sql-operations.ts'
import type { GuidStore, OperationStore } from './store.ts'

/** One database of the service, of whichever engine. */
export type Storage = {
  /** Whether no other process can be writing. */
  isSole(): boolean
  /** Rejects when it cannot be used. */
  ping(): Promise<void>
  /** What is still to reach the queue. */
  readonly outbox: Outbox
  createStores(parts: StoreParts): Stores
  close(): Promise<void>
}

export type StoreParts = {
  readonly cache: Cache
  readonly clock: Clock
  readonly backlogMax: number
  /** Says that something waits in the outbox. */
  wake(): void
}

export type Stores = {
  readonly guids: GuidStore
  readonly operations: OperationStore
  readonly answers: AnswerStore
  /** What else has to be looked after from time to time. */
  readonly sweeps: readonly Sweep[]
}

/** Opens what the URL names; the scheme chooses the engine, whose library is loaded only then. */
export async function openStorage(url: string): Promise<Storage> {
  if (isMongo(url)) return (await import('./mongodb-storage.ts')).openMongoStorage(url)
  const database = await openDatabase<GuidTables>(url, { migrations })
  return {
    isSole: database.isSole,
    ping: database.ping,
    outbox: createSqlOutbox(database),

    createStores({ cache, clock, backlogMax, wake }) {
      const waking = wakeAfterCommit(database, { wake })
      return {
        guids: createSqlGuids({ database: waking, cache, clock }),
        operations: createSqlOperations({ database: waking, clock, backlogMax }),
        answers: createSqlAnswers(waking),
        sweeps: [],
      }
    },

    close: database.close,
  }
}

/** Applies what has not been applied, takes the newest back, or tells how it stands; gives the names. */
export async function migrateStorage(url: string, action: MigrationAction): Promise<string[]> {
  if (isMongo(url)) return (await import('./mongodb-migrations.ts')).migrateMongo(url, action)
  return migrateDatabase(url, { migrations }, action)
}

function isMongo(url: string): boolean {
  return /^mongodb(\+srv)?:/.test(url)
}

const migrations = new URL('../migrations/', import.meta.url)
