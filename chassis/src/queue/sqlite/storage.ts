import { resolve } from 'node:path'
import { openDatabase } from '../../database/index.ts'
import type { Database } from '../../database/index.ts'
import type { SqliteConsumer } from './consumer.ts'
import { openQueueClock } from './queue-clock.ts'
import type { ClockTable, QueueClock } from './queue-clock.ts'
import { queueMigrations } from './migrations-folder.ts'
import type { PublicationTables } from './publications.ts'
import { prepareStatements } from './statements.ts'
import type { QueueStatements, QueueTables } from './statements.ts'
import type { StreamTables } from './stream.ts'

type AllTables = QueueTables & StreamTables & PublicationTables & ClockTable

/** An open queue file, and all its consumers in this process. */
export type SqliteStorage = {
  readonly database: Database<AllTables>
  readonly statements: QueueStatements
  readonly clock: QueueClock
  readonly consumers: Set<SqliteConsumer>
}

type Shared = { readonly storage: Promise<SqliteStorage>; users: number }

const sharedByPath = new Map<string, Shared>()

/**
 * Opens a queue file, or shares it with the clients in this process that have opened it: they wake each other's consumers and
 * share a group commit, instead of waiting for each other's locks. The last one to release it closes it.
 */
export async function acquireStorage(
  url: string,
): Promise<{ storage: SqliteStorage; release(): Promise<void> }> {
  const path = url.slice('sqlite:'.length)
  if (path === ':memory:') {
    const storage = await openStorage(url)
    return { storage, release: () => storage.database.close() }
  }
  const key = resolve(path)
  const shared = sharedByPath.get(key) ?? { storage: openStorage(url), users: 0 }
  shared.users += 1
  sharedByPath.set(key, shared)

  async function release(): Promise<void> {
    shared.users -= 1
    if (shared.users > 0) return
    sharedByPath.delete(key)
    await (await shared.storage).database.close()
  }

  try {
    return { storage: await shared.storage, release }
  } catch (error) {
    sharedByPath.delete(key)
    throw error
  }
}

async function openStorage(url: string): Promise<SqliteStorage> {
  const database = await openDatabase<AllTables>(url, { migrations: queueMigrations })
  const clock = await openQueueClock(database)
  return { database, statements: prepareStatements(database.query), clock, consumers: new Set() }
}
