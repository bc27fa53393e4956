import { withTimeout } from '../../clock/index.ts'
import { absentTtlMs as defaultAbsentTtlMs, valueTtlMs } from '../limits.ts'
import type { Cache, CacheOptions, CacheTimes, Entry, ReadResult, WriteResult } from '../port.ts'
import { openRedisAccess } from './access.ts'
import { absentText, encodeEntry } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import { createRedisReader } from './reader.ts'
import { createSettling } from './settling.ts'
import { createRedisWriter } from './writer.ts'

const defaultTimes: CacheTimes = { pollMs: 500, readLeaseMs: 2_000, writeLeaseMs: 6_000, markerMs: 30_000 }
const closeTimeoutMs = 400
const sweepIntervalMs = 30_000
const keysPerSweep = 500

/**
 * The cache of several processes, in Redis, kept coherent by markers and fill leases (docs/decisions/0012, 0021). A writer marks
 * its keys, changes the database by a unit that the database must admit while the markers are valid, then stores the new values.
 * A marker that has expired counts until the database has shown that its write has ended. A reader uses a stored value, or takes
 * a lease to fill an empty key. While Redis is unavailable or slow, reads bypass it; writes are refused, since other processes may
 * cache what they would change.
 */
export function openRedisCache(url: string, options: CacheOptions): Cache {
  const { clock, namespace, arbiter, absentTtlMs = defaultAbsentTtlMs, flightWaitMs = 100 } = options
  if (namespace === undefined || arbiter === undefined)
    throw new Error('A cache in Redis needs a namespace and an arbiter.')
  const times = { ...defaultTimes, ...options.times }
  const access = openRedisAccess({ url, namespace, arbiter, times })
  const { client } = access
  const reads: Record<ReadResult, number> = { hit: 0, miss: 0, wait: 0, busy: 0, bypass: 0 }
  const writes: Record<WriteResult, number> = { ok: 0, contended: 0, failed: 0 }
  /** Commands that no caller waits for; `close` does. */
  const unawaited = new Set<Promise<unknown>>()
  const settling = createSettling(arbiter.settle, runUnawaited)
  const parts = { access, settling, toStored, runUnawaited }
  const reader = createRedisReader({ ...parts, clock, reads, flightWaitMs })
  const writer = createRedisWriter({ ...parts, writes, markerMs: times.markerMs })
  let sweepCursor = '0'
  const sweepTimer = setInterval(() => void sweep().catch(() => {}), sweepIntervalMs).unref()

  function toStored(entry: Entry | null): StoredEntry {
    // Jitter, so that keys filled together do not all expire together.
    const capMs = (entry === null ? absentTtlMs : valueTtlMs) * (0.9 + Math.random() / 10)
    if (entry === null) return { text: absentText, ttlMs: Math.floor(capMs) }
    return { text: encodeEntry(entry), ttlMs: Math.floor(Math.min(capMs, entry.expiresAtMs - clock.now())) }
  }

  function runUnawaited(command: Promise<unknown>): void {
    const settled = command.catch(() => {}).finally(() => unawaited.delete(settled))
    unawaited.add(settled)
  }

  /** Removes keys whose markers are settled, as those of a writer that died come to be. */
  async function sweep(): Promise<void> {
    const generation = access.readable()
    if (generation === undefined) return
    const page = await client.scan(sweepCursor, { MATCH: `${generation.prefix}*`, COUNT: keysPerSweep })
    sweepCursor = page.cursor
    for (const reply of await Promise.all(
      page.keys.map((key) => client.sweep(generation, key, generation.settledUntil)),
    ))
      settling.resolve(generation, reply)
  }

  return {
    read: reader.read,
    write: writer.write,
    ping: access.ping,
    async close() {
      reader.close()
      clearInterval(sweepTimer)
      await withTimeout(closeTimeoutMs, Promise.all(unawaited)).catch(() => {})
      access.close()
    },
    stats: () => ({
      reads: { ...reads },
      writes: { ...writes },
      settlements: settling.stats(),
      control: access.stats(),
    }),
  }
}
