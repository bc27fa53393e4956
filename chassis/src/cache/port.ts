import type { Clock, Deadline } from '../clock/index.ts'

/**
 * What a key stands for at one moment. `text` is the ready answer, kept as text so that a hit needs no encoding;
 * `expiresAtMs` is the row's own end (`Infinity` for none), and from that millisecond on the entry counts as absent.
 */
export type Entry = { readonly version: number; readonly expiresAtMs: number; readonly text: string }

/** Reads a key's newest committed state from the source, `undefined` for absent. May answer without a promise. */
export type Load = () => Entry | undefined | Promise<Entry | undefined>

/**
 * A read-through cache that never serves a stale read: no answer is older than a write that was answered, or a state
 * that another read had shown, before the read began. It holds as long as every write to a key passes through `write`.
 */
export type Cache = {
  /**
   * What this process holds of the key, without loading: `undefined` means not held, `null` known to be absent.
   */
  peek(key: string): Entry | null | undefined

  /**
   * Answers from the cache, else loads: one load per key however many ask. Fails as `load` fails. It answers without a
   * promise where it can, so that a caller that needs no more than that keeps its turn.
   */
  read(key: string, load: Load): ReturnType<Load>

  /**
   * Marks the keys of all that `change` may change, runs it, then installs for each key what `entryOf` makes of the result,
   * unless another write met this one there: an entry, `null` when the key is absent now, or `undefined` to leave the key
   * empty, as a rejection does.
   * `change` must settle no earlier than its outcome: one that rejects may have had its effect, but has none later. It must
   * hand the deadline on to the database: after that, a cache that others share does not know of the write any more.
   */
  write<T>(
    keys: readonly string[],
    change: (deadline: Deadline) => Promise<T>,
    entryOf: (result: T, key: string) => Entry | null | undefined,
  ): Promise<T>

  /** Where the cache is a server: rejects with what is wrong when it cannot be used, without which nothing can be written. */
  ping?(): Promise<void>

  /** Forgets everything and keeps nothing from then on; reads still load and writes still run, where no server is needed. */
  close(): Promise<void>

  stats(): CacheStats
}

/**
 * How a read was answered, each counted once. `hit`: held. `miss`: loaded, and kept if it could be.
 * `wait`: by another reader's load. `busy`: loaded beside a write. `bypass`: loaded past a cache that could not be used.
 */
export type ReadResult = 'hit' | 'miss' | 'wait' | 'busy' | 'bypass'

/** How a write ended. `contended`: done, but it met another, so its key was left empty. `failed`: it rejected. */
export type WriteResult = 'ok' | 'contended' | 'failed'

/** The counts since the cache was opened, and what this process holds now. `bytes` is an estimate that errs upwards. */
export type CacheStats = {
  readonly entries?: number
  readonly bytes?: number
  readonly reads: Readonly<Record<ReadResult, number>>
  readonly writes: Readonly<Record<WriteResult, number>>
}

export type CacheOptions = {
  clock: Clock
  /** Whose keys they are, where several services share a server. */
  namespace?: string
  /**
   * How long after it was emptied, restarted or replaced a server is not read from: as long as a write that had begun before may
   * still take effect.
   */
  quarantineMs?: number
  /** The longest that a value is kept, whatever its own expiry says; 60 s unless given. */
  valueTtlMs?: number
  /** The longest that "absent" is remembered; 5 s unless given. */
  absentTtlMs?: number
  /** The longest that readers wait for another reader's load before they elect a new one; 100 ms unless given. */
  flightWaitMs?: number
  /**
   * Whether this process alone writes to the storage; asked on every call, so it must be cheap. While it says no, a
   * cache in memory is bypassed, and what it held is gone. It must say no from before the first write of a stranger
   * until after the last, and until it was asked once: a no that comes and goes between two calls is not seen.
   */
  singleProcess?: () => boolean
}
