import type { Clock, Deadline } from '../clock/index.ts'

/**
 * The cached value of a key. `text` is the finished response body, so that a hit needs no encoding; from `expiresAtMs`
 * (`Infinity` for none) the entry counts as absent. `owner` is that of the row, if it has one: there is one entry for all
 * readers, and who reads it judges whether its client may.
 */
export type Entry = {
  readonly version: number
  readonly expiresAtMs: number
  readonly text: string
  readonly owner?: string | null
}

/** Reads the newest committed state of a key from the database, `undefined` for absent. May return without a promise. */
export type Load = () => Entry | undefined | Promise<Entry | undefined>

/**
 * A read-through cache without stale reads: no read returns a value older than a write that was answered, or than a state
 * that another read had returned, before it began. This holds as long as every write to a key goes through `write`.
 */
export type Cache = {
  /**
   * Returns the cached entry, else loads it: one load per key, however many readers. Rejects as `load` rejects. Returns
   * without a promise where possible, so that the caller can respond within the same turn of the event loop.
   */
  read(key: string, load: Load): ReturnType<Load>

  /**
   * Marks `keys`, which must be all keys that `change` may change, runs `change`, then stores for each key what `entryOf` returns:
   * an entry, `null` if the key is absent now, or `undefined` to leave the key empty. If `change` rejects, the keys are left
   * empty. Keys on which another write overlapped are left empty. `change` must pass the deadline to the database, and must not
   * take effect after it has settled, unless it has rejected with `outcome_unknown`.
   */
  write<T>(
    keys: readonly string[],
    change: (deadline: Deadline) => Promise<T>,
    entryOf: (result: T, key: string) => Entry | null | undefined,
  ): Promise<T>

  /** Only of a cache on a server, without which nothing can be written: rejects if it cannot be used. */
  ping?(): Promise<void>

  /** Empties the cache for good. In memory, reads still load and writes still run afterwards. */
  close(): Promise<void>

  stats(): CacheStats
}

/**
 * How a read was answered. `hit`: from the cache. `miss`: loaded, and stored where possible. `wait`: by another reader's
 * load. `busy`: loaded during a write to the key. `bypass`: loaded because the cache could not be used.
 */
export type ReadResult = 'hit' | 'miss' | 'wait' | 'busy' | 'bypass'

/** How a write ended. `contended`: done, but another write overlapped, so the key was left empty. `failed`: it rejected. */
export type WriteResult = 'ok' | 'contended' | 'failed'

/** Counts since the cache was opened, and what this process caches now. `bytes` is an estimate, never too low. */
type CacheStats = {
  readonly entries?: number
  readonly bytes?: number
  readonly reads: Readonly<Record<ReadResult, number>>
  readonly writes: Readonly<Record<WriteResult, number>>
  /** Of a cache on a server: how often the database has shown that writes with expired markers have ended, and has not. */
  readonly settlements?: { readonly settled: number; readonly failed: number }
  /** And the mode of the control row, `none` while this process cannot use its server; and its epoch. */
  readonly control?: { readonly mode: ControlRow['mode']; readonly epoch: number }
}

/** The part of the database in the protocol of a cache that processes share (docs/decisions/0021). */
export type Arbiter = {
  /**
   * Resolves when each write whose deadline had passed when it was called has taken effect for every later read, or never
   * will; rejects when that takes longer than some seconds.
   */
  settle(): Promise<void>
  /** Reads the control row, with every change that was made before. */
  read(): Promise<ControlRow>
  /** Replaces the control row if its epoch and its challenge are still those of `seen`. */
  replace(seen: ControlRow, next: ControlRow): Promise<void>
}

/** Which server is the cache. The row is there from the beginning, with epoch 0, mode `none` and empty texts. */
export type ControlRow = {
  /** Rises with each change, except of the challenge alone. */
  readonly epoch: number
  /**
   * `none`: no server is. `draining`: processes may still read from the server before, so nothing is written. `warming`: writes by
   * earlier rows may still take effect, so nothing is read. `on`: read and written.
   */
  readonly mode: 'none' | 'draining' | 'warming' | 'on'
  /** The name of the keys in use. */
  readonly generation: string
  /** The run id of the server. */
  readonly instance: string
  /** Of a process that cannot use the server; removed by one that can. */
  readonly challenge: string
}

export type CacheTimes = {
  /** Between two readings of the control row. */
  readonly pollMs: number
  /** From the sending of such a reading, how long the server may be read by it. */
  readonly readLeaseMs: number
  /** And until when the database must have admitted a write by it. */
  readonly writeLeaseMs: number
  /** From a marker until it has expired; longer than a write has to be admitted. */
  readonly markerMs: number
}

export type CacheOptions = {
  /** By which entries expire. */
  clock: Clock
  /** By which they are cached for a limited time, where it is not that of `clock`. */
  durations?: Clock
  /** Prefix of the keys on a server that several services share. */
  namespace?: string
  /** The database whose content is cached, for a cache on a server. */
  arbiter?: Arbiter
  /** For tests: the times of the protocol of a cache on a server, where they differ from those of docs/decisions/0021. */
  times?: Partial<CacheTimes>
  /** The longest that an absence is cached; 5 s by default. */
  absentTtlMs?: number
  /** The longest that readers wait for another reader's load before one of them loads; 100 ms by default. */
  flightWaitMs?: number
  /**
   * Whether this process alone writes to the database; called on every read and write, so it must be cheap. While it is
   * false, a cache in memory is bypassed, and its content is dropped. It must be false from before the first write of
   * another process until after the last, and must have been read as false once: a change between two calls is not seen.
   */
  singleProcess?: () => boolean
}
