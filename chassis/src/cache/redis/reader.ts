import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../clock/index.ts'
import type { Cache, Entry, Load, ReadResult } from '../port.ts'
import type { Generation, RedisConnection } from './connection.ts'
import { absentText, decodeEntry, emptyEntry, isEntryText } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import { createReadBatcher } from './read-batcher.ts'
import type { CachedValue } from './read-batcher.ts'
import { newToken } from './token.ts'

const leaseMs = 3_000

/** The reading half of the cache: a stored value, else a load, whose result is stored where this reader got the lease. */
export function createRedisReader({
  connection,
  clock,
  reads,
  flightWaitMs,
  toStored,
  runUnawaited,
}: {
  connection: RedisConnection
  clock: Clock
  /** Counts of reads by result. */
  reads: Record<ReadResult, number>
  flightWaitMs: number
  toStored(entry: Entry | null): StoredEntry
  runUnawaited(command: Promise<unknown>): void
}): Pick<Cache, 'read'> & { close(): void } {
  const { client } = connection
  const { get, orUndefined, isSlow, close: stopBatcher } = createReadBatcher(connection)
  let closed = false

  function read(key: string, load: Load): ReturnType<Load> {
    const generation = connection.current()
    if (generation === undefined || closed || isSlow()) return loadWithout('bypass', load)
    return new Promise((resolve, reject) => {
      const fullKey = generation.prefix + key
      const callback = (value: CachedValue) => {
        try {
          resolve(answer(generation, fullKey, value, load))
        } catch (error) {
          reject(error)
        }
      }
      get({ generation, key: fullKey, callback })
    })
  }

  function answer(generation: Generation, key: string, value: CachedValue, load: Load): ReturnType<Load> {
    if (value === undefined) return loadWithout('bypass', load)
    return isEntryText(value) ? useEntry('hit', value, load) : takeLease(generation, key, load)
  }

  async function takeLease(generation: Generation, key: string, load: Load): Promise<Entry | undefined> {
    if (connection.current() !== generation) return loadWithout('bypass', load)
    const token = newToken()
    const reply = await orUndefined(
      client.lease(generation, key, token, leaseMs, generation.quarantineEndsAt),
    )
    if (reply === 'MISS') return fill(generation, key, token, load)
    if (reply !== undefined && reply !== null && isEntryText(reply)) return useEntry('hit', reply, load)
    if (reply === 'WAIT') return waitForFill(generation, key, load)
    if (reply === 'GONE') void connection.refresh().catch(() => {})
    return loadWithout(reply === 'BUSY' ? 'busy' : 'bypass', load)
  }

  /** The entry, unless it has expired by the service's clock; then it is loaded. */
  function useEntry(result: ReadResult, text: string, load: Load): ReturnType<Load> {
    if (text === absentText) {
      reads[result] += 1
      return undefined
    }
    const entry = decodeEntry(text)
    if (clock.now() >= entry.expiresAtMs) return loadWithout('bypass', load)
    reads[result] += 1
    return entry
  }

  /** Loads and stores nothing. */
  function loadWithout(result: ReadResult, load: Load): ReturnType<Load> {
    reads[result] += 1
    const loaded = load()
    return loaded instanceof Promise ? loaded.then(unlessExpired) : unlessExpired(loaded)
  }

  function unlessExpired(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && clock.now() < entry.expiresAtMs ? entry : undefined
  }

  async function fill(
    generation: Generation,
    key: string,
    token: string,
    load: Load,
  ): Promise<Entry | undefined> {
    reads.miss += 1
    let stored = emptyEntry
    try {
      const entry = unlessExpired(await load())
      stored = toStored(entry ?? null)
      return entry
    } finally {
      runUnawaited(client.fill(generation, key, token, stored.text, stored.ttlMs))
    }
  }

  /**
   * Another reader is loading. Its result counts for this one only when this one reads it from Redis itself: that load may
   * have begun before a write that was answered before this read.
   */
  async function waitForFill(generation: Generation, key: string, load: Load): Promise<Entry | undefined> {
    for (const deadline = performance.now() + flightWaitMs; performance.now() < deadline; ) {
      await pause(5 + 15 * Math.random())
      // A new connection may lead to another Redis, whose generation has not been read yet.
      if (connection.current() !== generation) break
      const value = await orUndefined(client.get(key))
      if (value === undefined || value === null) break
      if (isEntryText(value)) return useEntry('wait', value, load)
    }
    return loadWithout('bypass', load)
  }

  return {
    read,
    close() {
      closed = true
      stopBatcher()
    },
  }
}
