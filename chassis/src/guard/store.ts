import type { Unit } from './gcra.ts'

/**
 * How full the bucket of each unit was before the request, from which follows whether it was admitted; undefined for one that could not
 * be counted and is not to be. `isShare` is whether the process has counted by itself, with its share of each limit.
 */
export type Levels = { readonly levels: readonly (number | undefined)[]; readonly isShare: boolean }

/** Where limits are counted: the memory of the process, or Redis. */
export type LimitStore = {
  /** Counts a request by all of its units, or by none if one of them refuses it. */
  decide(units: readonly Unit[]): Levels | Promise<Levels>
  /** Counts in any case, and fills no bucket beyond what it holds. */
  charge(units: readonly Unit[]): void
  /** Whether it counts otherwise than it should, since a server does not respond. */
  isDegraded(): boolean
  /** How many limits are counted in this process. */
  size(): number
  close(): Promise<void>
}
