import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { dependencyDown } from '../../errors/index.ts'
import type { Database, DatabaseOptions, Query } from '../port.ts'
import { createDialect } from '../kysely-dialect.ts'
import { exportCommits, exportOperationDurations } from '../metrics.ts'
import type { CommitMeasures } from '../metrics.ts'
import { createDirectDialect, sqliteDialect } from './dialect.ts'
import {
  areApplied,
  createMigrator,
  migrateUp,
  migrationNames,
  migrationTable,
  requireApplied,
  unknownMigrations,
} from '../migrations.ts'
import { createPrivateFile, createPrivateFolder, restrictFile } from '../../files/index.ts'
import type { MigrationWork } from '../migrations.ts'
import { withFileFaults } from './file-fault.ts'
import { createGroupCommit } from './group-commit.ts'
import { execWhenFree } from './locks.ts'
import { createMigrated, createPrivateLocation } from './private-database.ts'
import type { Location } from './private-database.ts'
import { registerProcess, withoutProcesses } from './process-registry.ts'
import { refuseHalfRestored } from './restoring.ts'
import { createStatementCache, rowsUntil, sqliteValues } from './statements.ts'

/** How long a statement waits for another process that holds the write lock, before it fails as unavailable. */
const busyTimeoutMs = 5_000

/**
 * SQLite in WAL mode. This thread reads, on a connection of its own, in microseconds; a worker thread writes, so that the
 * wait for the disk never stops the event loop.
 */
export async function openSqlite<Tables>(path: string, options: DatabaseOptions): Promise<Database<Tables>> {
  const location = path === ':memory:' ? createPrivateLocation() : { path, isPrivate: false, remove() {} }
  return withFileFaults(location.path, () => openFile<Tables>(location, options))
}

/** Does the work while no process uses the file; rejects with `conflict` where one does. */
export async function withUnusedSqlite<R>(path: string, work: () => Promise<R>): Promise<R> {
  return withFileFaults(path, () => withoutProcesses(path, work))
}

async function openFile<Tables>(location: Location, options: DatabaseOptions): Promise<Database<Tables>> {
  const measures = options.metrics && exportCommits(options.metrics)
  createPrivateFolder(dirname(location.path))
  const migrations = await migrationNames(options.migrations)
  const registration = location.isPrivate ? soleProcess : await registerProcess(location.path)
  const folder = options.migrations
  const parts = { folder, migrations, measures }
  const writer = await openWriter(location, parts, () => reader.refresh()).catch((error: unknown) => {
    registration.leave()
    location.remove()
    throw error
  })
  const reader = openReader<Tables>(location.path, registration.isSingleProcess)
  const durations = options.metrics && exportOperationDurations(options.metrics, 'sqlite')
  const read: typeof reader.read = durations?.timed('SELECT', reader.read) ?? reader.read
  const commit = durations?.timed('COMMIT', writer.commit) ?? writer.commit
  const query = new Kysely<Tables>({ dialect: createDialect(sqliteDialect, { read, commit }) })
  let closed: Promise<void> | undefined
  return {
    query,
    read,
    commit,
    // It takes the write lock, which a commit that hangs holds, and under which each unit's deadline is checked.
    settle: async () => void (await writer.commit([])),
    isSingleProcess: registration.isSingleProcess,
    async ping() {
      requireApplied(migrations, await readApplied(query))
      await writer.commit([])
    },
    close() {
      closed ??= close()
      return closed
    },
  }

  async function close(): Promise<void> {
    // A connection that only reads would leave the log and the index behind if it were the last one.
    await writer.close(reader.close)
    registration.leave()
    location.remove()
  }
}

const soleProcess = { isSingleProcess: () => true, leave() {} }

async function openWriter(
  { path, isPrivate }: Location,
  {
    folder,
    migrations,
    measures,
  }: { folder: URL; migrations: readonly string[]; measures: CommitMeasures | undefined },
  beforeSettling: () => void,
): ReturnType<typeof createGroupCommit> {
  refuseHalfRestored(path)
  if (isPrivate)
    await createMigrated(path, [folder.href, ...migrations], () => migrateSqlite(path, folder, migrateUp))
  else if (!isUpToDate(path, migrations)) await migrateSqlite(path, folder, migrateUp)
  return createGroupCommit({ path, busyTimeoutMs, isDurable: !isPrivate, measures }, beforeSettling)
}

/**
 * Whether the file has exactly these migrations, as it has at every start but the first: that saves running the migrator and loading all
 * migrations. A file that cannot be read is left to the migrator, which says why.
 */
function isUpToDate(path: string, migrations: readonly string[]): boolean {
  if (!existsSync(path)) return false
  restrictFiles(path)
  const applied = appliedInFile(path)
  return applied !== undefined && areApplied(migrations, applied)
}

/**
 * A sentence where an existing file has migrations that are not in the folder; nothing is changed. A file that cannot be read has none:
 * whatever opens it says why.
 */
export async function sqliteUnknownMigrations(path: string, folder: URL): Promise<string | undefined> {
  if (!existsSync(path)) return undefined
  const names = await migrationNames(folder)
  const unknown = (appliedInFile(path) ?? []).filter((name) => !names.includes(name))
  return unknown.length === 0 ? undefined : unknownMigrations(subjectOf(path), unknown)
}

function subjectOf(path: string): string {
  return `The database file ${path}`
}

/** The names of the applied migrations; undefined where they cannot be read. */
function appliedInFile(path: string): string[] | undefined {
  try {
    const connection = new DatabaseSync(path, { readOnly: true })
    try {
      const rows = connection.prepare(`select name from ${migrationTable} order by name`).all()
      return rows.map(({ name }) => String(name))
    } finally {
      connection.close()
    }
  } catch {
    return undefined
  }
}

/**
 * Reads on a connection of its own. While no other process has the file open, the reads of one turn of the event loop share
 * a snapshot, which saves each of them the file locks, half of its time. A snapshot ends with the turn, and before any
 * commit of this process is settled (`refresh`), so a read that begins after a commit resolved sees it.
 */
function openReader<Tables>(
  path: string,
  isSingleProcess: () => boolean,
): { read: Database<Tables>['read']; refresh(): void; close(): void } {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  const statements = createStatementCache(connection)
  const begin = connection.prepare('begin')
  const end = connection.prepare('commit')
  let snapshot: NodeJS.Immediate | undefined

  function refresh(): void {
    if (snapshot === undefined) return
    clearImmediate(snapshot)
    snapshot = undefined
    end.run()
  }

  return {
    read<R>({ sql: text, parameters, until }: Query<R>): readonly R[] {
      try {
        if (!isSingleProcess()) refresh()
        else if (snapshot === undefined) {
          begin.run()
          snapshot = setImmediate(refresh)
        }
        // The row type is Kysely's, derived from the very query that was compiled to this text.
        const statement = statements.get(text)
        const values = sqliteValues(parameters)
        const rows: readonly unknown[] =
          until === undefined ? statement.all(...values) : rowsUntil(statement.iterate(...values), until)
        return rows as readonly R[]
      } catch (cause) {
        throw dependencyDown('The database cannot be read.', cause)
      }
    },
    refresh,
    close() {
      refresh()
      connection.close()
    },
  }
}

/** The names of the applied migrations, none where there is not even the table of them. */
async function readApplied<Tables>(query: Kysely<Tables>): Promise<string[]> {
  const tables = sql`select 1 from sqlite_master where name = ${migrationTable}`
  if ((await tables.execute(query)).rows.length === 0) return []
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(migrationTable)}`.execute(query)
  return rows.map(({ name }) => name)
}

/** The whole work is one exclusive transaction, so processes that start together take turns, and it is applied whole or not at all. */
export async function migrateSqlite<R>(path: string, folder: URL, work: MigrationWork<R>): Promise<R> {
  return withFileFaults(path, async () => {
    const connection = openForMigration(path)
    try {
      const begin = 'pragma journal_mode = wal; pragma synchronous = full; begin immediate'
      await execWhenFree(connection, begin, busyTimeoutMs)
      const db = new Kysely({ dialect: createDirectDialect(connection) })
      const result = await work(await createMigrator(db, folder, { subject: subjectOf(path) }))
      connection.exec('commit')
      return result
    } finally {
      connection.close()
    }
  })
}

function openForMigration(path: string): DatabaseSync {
  refuseHalfRestored(path)
  createPrivateFolder(dirname(path))
  createPrivateFile(path)
  restrictFiles(path)
  return new DatabaseSync(path, { timeout: 0 })
}

/** SQLite gives its companions the rights of the database, but those of a process that was killed are there already. */
function restrictFiles(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) restrictFile(file)
}

/** Reads an existing file on a connection of its own, which is not registered and cannot write. */
export async function readSqlite<Tables, R>(
  path: string,
  work: (query: Kysely<Tables>) => Promise<R>,
): Promise<R> {
  return withFileFaults(path, async () => {
    const connection = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
    try {
      return await work(new Kysely<Tables>({ dialect: createDirectDialect(connection) }))
    } finally {
      connection.close()
    }
  })
}
