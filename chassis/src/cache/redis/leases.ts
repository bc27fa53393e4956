import { setTimeout as pause } from 'node:timers/promises'
import type { Loads } from '../loads.ts'
import type { Entry, Load, ReadResult } from '../port.ts'
import type { Generation, RedisConnection } from './connection.ts'
import { emptyEntry, isEntryText } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import type { ReadBatcher } from './read-batcher.ts'
import { newToken } from './token.ts'

const leaseMs = 3_000

/** Fill leases in Redis: the reader that gets the lease of an empty key loads and fills it, and others wait for its value. */
export function createRedisLeases({
  connection,
  orUndefined,
  loads: { unlessExpired, loadWithout },
  reads,
  flightWaitMs,
  toStored,
  runUnawaited,
  useEntry,
}: {
  connection: RedisConnection
  orUndefined: ReadBatcher['orUndefined']
  loads: Loads
  /** Counts of reads by result. */
  reads: Record<ReadResult, number>
  flightWaitMs: number
  toStored(entry: Entry | null): StoredEntry
  runUnawaited(command: Promise<unknown>): void
  useEntry(result: ReadResult, text: string, load: Load): ReturnType<Load>
}) {
  const { client } = connection

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

  return takeLease
}
