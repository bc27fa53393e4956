import { Kysely } from 'kysely'
import type { CompiledQuery } from 'kysely'
import type { Deadline } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { Database, Outcome, Statement } from '../port.ts'
import { createDialect } from '../kysely-dialect.ts'
import type { EngineDialect } from '../kysely-dialect.ts'
import type { OperationDurations } from '../metrics.ts'
import type { CommitQueue } from './commit-queue.ts'
import { createMigrationCheck } from './migration-check.ts'

/**
 * A database on a server, which need not be available: reads and commits are refused until it is. Its tables are created by
 * `quintet migrate up`; `ping` rejects while migrations are pending.
 */
export function createServerDatabase<Tables>({
  dialect,
  migrations,
  applied,
  reads,
  units,
  durations,
  settle,
  close,
}: {
  readonly dialect: EngineDialect
  /** The folder of the migrations that must have been applied. */
  readonly migrations: URL
  /** Reads the names of the applied migrations. */
  applied(): Promise<readonly string[]>
  readonly reads: { read<R>(query: CompiledQuery<R>): Promise<readonly R[]> }
  readonly units: CommitQueue
  readonly durations: OperationDurations | undefined
  settle(): Promise<void>
  /** Closes the connections, when nothing is in flight any more. */
  close(): Promise<void>
}): Database<Tables> {
  const migrationCheck = createMigrationCheck(migrations, applied)
  const read: typeof readNow = durations?.timed('SELECT', readNow) ?? readNow
  const commit = durations?.timed('COMMIT', commitNow) ?? commitNow
  const query = new Kysely<Tables>({ dialect: createDialect(dialect, { read, commit }) })
  let closing: Promise<void> | undefined

  function readNow<R>(compiled: CompiledQuery<R>): Promise<readonly R[]> {
    return migrationCheck.run(() => reads.read(compiled))
  }

  function commitNow(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome> {
    return migrationCheck.run(() => units.commit(unit, deadline))
  }

  return {
    query,
    read,
    commit,
    settle,
    isSingleProcess: () => false,
    async ping() {
      await migrationCheck.recheck().catch((error: unknown) => {
        throw error instanceof AppError ? error : dependencyDown('The database does not respond.', error)
      })
    },
    close() {
      closing ??= migrationCheck.settle().then(units.close).then(close)
      return closing
    },
  }
}
