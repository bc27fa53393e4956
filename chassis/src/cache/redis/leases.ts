import { setTimeout as pause } from 'node:timers/promises'
import type { Loads } from '../loads.ts'
import type { Entry, Load, ReadResult } from '../port.ts'
import type { RedisAccess } from './access.ts'
import { emptyEntry, isEntryText } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import type { ReadBatcher } from './read-batcher.ts'
import type { Settling } from './settling.ts'
import { newToken } from './token.ts'
import type { Generation } from './view.ts'

const leaseMs = 3_000

/** Fill leases in Redis: the reader that gets the lease of an empty key loads and fills it, and others wait for its value. */
export function createRedisLeases({
  access,
  settling,
  orUndefined,
  loads: { unlessExpired, loadWithout },
  reads,
  flightWaitMs,
  toStored,
  runUnawaited,
  useEntry,
}: {
  access: RedisAccess
  settling: Settling
  orUndefined: ReadBatcher['orUndefined']
  loads: Loads
  /** Counts of reads by result. */
  reads: Record<ReadResult, number>
  flightWaitMs: number
  toStored(entry: Entry | null): StoredEntry
  runUnawaited(command: Promise<unknown>): void
  useEntry(result: ReadResult, text: string, load: Load): ReturnType<Load>
}) {
  const { client } = access

  async function takeLease(generation: Generation, key: string, load: Load): Promise<Entry | undefined> {
    if (access.readable() !== generation) return loadWithout('bypass', load)
    const token = newToken()
    const reply = await orUndefined(client.lease(generation, key, token, generation.settledUntil, leaseMs))
    if (reply === 'MISS') return fill(generation, key, token, load)
    if (reply !== undefined && reply !== null && isEntryText(reply)) return useEntry('hit', reply, load)
    if (reply === 'WAIT') return waitForFill(generation, key, load)
    if (reply === 'GONE') void access.refresh().catch(() => {})
    const isDoubtful = reply !== undefined && settling.resolve(generation, reply)
    return loadWithout(reply === 'BUSY' || isDoubtful ? 'busy' : 'bypass', load)
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
      if (access.readable() !== generation) break
      const value = await orUndefined(client.get(key))
      if (value === undefined || value === null) break
      if (isEntryText(value)) return useEntry('wait', value, load)
    }
    return loadWithout('bypass', load)
  }

  return takeLease
}
