import type { CompiledQuery, Kysely } from 'kysely'
import type { Deadline } from '../clock/index.ts'

/**
 * A statement of a unit. A `required` one that touches no row refuses the whole unit, which then changes nothing; where it
 * makes an error, `commit` rejects with that. A parameter may be a `Reference` to what an earlier statement returns.
 */
export type Statement = Pick<CompiledQuery, 'sql' | 'parameters'> & {
  readonly mustAffectRows?: boolean | (() => Error)
  /**
   * For a statement that is never skipped: what does the same for many units at once, with an array in the place of each
   * parameter. An engine that runs units together may run it instead, once for all of them.
   */
  readonly batchSql?: string
}

export type Row = Record<string, unknown>

/** What one statement did: the rows of its RETURNING clause, and how many rows it touched. */
export type Result = { readonly rows: readonly Row[]; readonly changes: number }

/** `refusedBy` is the index of the required statement that touched no row; without it, the unit is durable. */
export type Outcome = { readonly failedStatement?: number; readonly results: readonly Result[] }

/**
 * The database port. Reads are linearizable with writes; a write that resolved survives the death of every process.
 * Both are grouped: what arrives together travels together, each caller keeping its own outcome.
 */
export type Database<Tables> = {
  /** For building queries and running those that are not hot. Interactive transactions are refused: see `commit`. */
  readonly query: Kysely<Tables>
  /** Runs a compiled select. An embedded engine answers at once, which lets a caller read without losing its turn. */
  read<R>(query: CompiledQuery<R>): readonly R[] | Promise<readonly R[]>
  /**
   * Runs the statements as one atomic unit, in order, and resolves when it is durable. Rejects with `dependency_down`
   * when the engine is away, with `overloaded` when too many units wait or when it would come too late for its `deadline`, and
   * changes nothing in any of these cases; with `outcome_unknown` when the connection was lost before the engine answered.
   */
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  /** Whether no other process can be writing, so that what this process remembers of the data is true. */
  isSingleProcess(): boolean
  /** Rejects when the engine does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseOptions = {
  /**
   * The folder of `NNNN-verb-noun.ts` files. An embedded database is brought up to date when it is opened; of a server `ping`
   * says what is missing.
   */
  readonly migrations: URL
}
