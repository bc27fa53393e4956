import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CompiledQuery } from 'kysely'
import { Kysely, sql } from 'kysely'
import { dependencyDown } from '../../errors/index.ts'
import type { Database, DatabaseOptions } from '../port.ts'
import { createDialect, createDirectDialect } from '../kysely-dialect.ts'
import { createMigrator, migrateUp } from '../migrations.ts'
import type { MigrationWork } from '../migrations.ts'
import { createGroupCommit } from './group-commit.ts'
import { lowerAsUnicode } from './functions.ts'
import { execWhenFree } from './locks.ts'
import { registerProcess } from './process-registry.ts'
import { createStatementCache, sqliteValues } from './statements.ts'

/** How long a statement waits for another process that holds the write lock, before it fails as unavailable. */
const busyTimeoutMs = 5_000

/**
 * SQLite in WAL mode. This thread reads, on a connection of its own, in microseconds; a worker thread writes, so that the
 * wait for the disk never stops the event loop.
 */
export async function openSqlite<Tables>(path: string, options: DatabaseOptions): Promise<Database<Tables>> {
  const place = path === ':memory:' ? createTemporaryPlace() : { path, remove: () => {} }
  mkdirSync(dirname(place.path), { recursive: true })
  const members = await registerProcess(place.path)
  const writer = await openWriter(place.path, options.migrations, () => reader.refresh()).catch(
    (error: unknown) => {
      members.leave()
      place.remove()
      throw error
    },
  )
  const reader = openReader<Tables>(place.path, members.isSingleProcess)
  const query = new Kysely<Tables>({
    dialect: createDialect('sqlite', { read: reader.read, commit: writer.commit }),
  })
  let closed: Promise<void> | undefined
  return {
    query,
    read: reader.read,
    commit: writer.commit,
    isSingleProcess: members.isSingleProcess,
    async ping() {
      await sql`select 1 from sqlite_master limit 1`.execute(query)
      await writer.commit([])
    },
    close() {
      closed ??= close()
      return closed
    },
  }

  async function close(): Promise<void> {
    await writer.close()
    reader.close()
    members.leave()
    place.remove()
  }
}

async function openWriter(
  path: string,
  migrations: URL,
  beforeAnswers: () => void,
): ReturnType<typeof createGroupCommit> {
  await migrateSqlite(path, migrations, migrateUp)
  return createGroupCommit({ path, busyTimeoutMs }, beforeAnswers)
}

/**
 * Reads on a connection of its own. While `isSole` says so, the reads of one turn of the event loop share a snapshot, which
 * saves each of them the locks of the file, half of its time. A snapshot ends with the turn, and before any commit of
 * this process is answered (`refresh`), so a read that begins after the answer to a write still sees that write.
 */
function openReader<Tables>(
  path: string,
  isSole: () => boolean,
): { read: Database<Tables>['read']; refresh(): void; close(): void } {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  lowerAsUnicode(connection)
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
    read<R>(query: CompiledQuery<R>): readonly R[] {
      try {
        if (!isSole()) refresh()
        else if (snapshot === undefined) {
          begin.run()
          snapshot = setImmediate(refresh)
        }
        // The row type is Kysely's, derived from the very query that was compiled to this text.
        const rows: readonly unknown[] = statements.get(query.sql).all(...sqliteValues(query.parameters))
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

/** A private database that goes away with its process. It is a file all the same, so that it behaves as one. */
function createTemporaryPlace(): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-'))
  return { path: join(folder, 'private.db'), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Processes that start together take turns: the whole work is one exclusive transaction, and all of it counts or none. */
export async function migrateSqlite<R>(path: string, folder: URL, work: MigrationWork<R>): Promise<R> {
  mkdirSync(dirname(path), { recursive: true })
  const connection = new DatabaseSync(path, { timeout: 0 })
  try {
    const begin = 'pragma journal_mode = wal; pragma synchronous = full; begin immediate'
    await execWhenFree(connection, begin, busyTimeoutMs)
    const result = await work(
      createMigrator(new Kysely({ dialect: createDirectDialect(connection) }), folder),
    )
    connection.exec('commit')
    return result
  } finally {
    connection.close()
  }
}
