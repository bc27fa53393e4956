import type { CompiledQuery, Kysely } from 'kysely'
import type { Deadline } from '../clock/index.ts'
import type { Metrics } from '../telemetry/index.ts'

/** A statement of a unit. A parameter may be a `Reference` to a value that an earlier statement returns. */
export type Statement = Pick<CompiledQuery, 'sql' | 'parameters'> &
  Partial<Pick<CompiledQuery, 'query'>> & {
    /**
     * Whether the unit fails, and changes nothing, if the statement affects no row. `commit` then rejects with the error that
     * the function makes, or resolves with the index of the statement.
     */
    readonly mustAffectRows?: boolean | (() => Error)
    /**
     * The same statement for many units at once, with an array in the place of each parameter. An engine may execute it
     * instead, once for a batch, where it affects a row for each of the units.
     */
    readonly batchSql?: string
  }

/**
 * A statement that returns this column limits when its unit may take effect: only before that Unix time in seconds, by the
 * engine's clock when it commits, after every wait for a lock. Too late, the unit fails by this
 * statement, whether or not that must affect rows; null is no limit.
 */
export const commitBeforeColumn = 'commit_before'

export type Row = Record<string, unknown>

/**
 * A compiled select. With `until`, an engine that gives its rows one by one gives none after the one with which the sum of a
 * column is reached.
 */
export type Query<R> = CompiledQuery<R> & {
  readonly until?: { readonly column: string; readonly reaches: number }
}

/** The rows that a statement returned, by a select or a RETURNING clause, and how many rows it affected. */
export type Result = { readonly rows: readonly Row[]; readonly changes: number }

/** `failedStatement` is the index of the statement that affected no row but must; without it, the unit is durable. */
export type Outcome = { readonly failedStatement?: number; readonly results: readonly Result[] }

/**
 * The database port. Reads are linearizable with writes; a commit that resolved survives the death of every process. Reads
 * and commits that arrive together may be executed as one batch, each with its own outcome.
 */
export type Database<Tables> = {
  /** For building queries and running those that are not hot. Interactive transactions are refused: see `commit`. */
  readonly query: Kysely<Tables>
  /** Runs a compiled select. An embedded engine returns the rows synchronously. */
  read<R>(query: Query<R>): readonly R[] | Promise<readonly R[]>
  /**
   * Executes the statements as one atomic unit, in order, and resolves when it is durable. Rejects with `dependency_down`
   * when the engine is unavailable, and with `overloaded` when too many units wait or the deadline has passed: then nothing was
   * changed. Rejects with `outcome_unknown` when the connection was lost before the engine responded.
   */
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  /**
   * Resolves when each unit whose deadline had passed when it was called has taken effect for every later read, or never
   * will, whichever process committed it; rejects when that takes longer than some seconds.
   */
  settle(): Promise<void>
  /** Whether no other process can write, so that a cache in this process is coherent. */
  isSingleProcess(): boolean
  /** Rejects when the engine does not respond, or its tables are not up to date. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseOptions = {
  /**
   * The folder of `NNNN-verb-noun.ts` files. An embedded database is migrated when it is opened; on a server, `ping` rejects
   * with what is missing.
   */
  readonly migrations: URL
  /** Where its operations and commits are measured; nowhere by default. */
  readonly metrics?: Metrics | undefined
}
