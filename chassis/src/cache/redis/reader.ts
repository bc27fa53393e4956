import type { Clock } from '../../clock/index.ts'
import { createLoads } from '../loads.ts'
import type { Cache, Entry, Load, ReadResult } from '../port.ts'
import type { RedisAccess } from './access.ts'
import { absentText, decodeEntry, isEntryText } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import { createRedisLeases } from './leases.ts'
import { createReadBatcher } from './read-batcher.ts'
import type { CachedValue } from './read-batcher.ts'
import type { Settling } from './settling.ts'
import type { Generation } from './view.ts'

/** The reading half of the cache: a stored value, else a load, whose result is stored where this reader got the lease. */
export function createRedisReader({
  access,
  settling,
  clock,
  reads,
  flightWaitMs,
  toStored,
  runUnawaited,
}: {
  access: RedisAccess
  settling: Settling
  clock: Clock
  /** Counts of reads by result. */
  reads: Record<ReadResult, number>
  flightWaitMs: number
  toStored(entry: Entry | null): StoredEntry
  runUnawaited(command: Promise<unknown>): void
}): Pick<Cache, 'read'> & { close(): void } {
  const { get, orUndefined, isSlow, close: stopBatcher } = createReadBatcher(access)
  const loads = createLoads({ clock, reads })
  const { loadWithout } = loads
  const parts = { access, settling, orUndefined, loads, reads, flightWaitMs, toStored, runUnawaited }
  const takeLease = createRedisLeases({ ...parts, useEntry })
  let closed = false

  function read(key: string, load: Load): ReturnType<Load> {
    const generation = access.readable()
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

  return {
    read,
    close() {
      closed = true
      stopBatcher()
    },
  }
}
