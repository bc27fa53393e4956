import { durationClockOf } from '../../clock/index.ts'
import type { Deadline } from '../../clock/index.ts'
import { absentTtlMs as defaultAbsentTtlMs } from '../limits.ts'
import type { Cache, CacheOptions, Entry } from '../port.ts'
import { boundsOf } from './bounds.ts'
import type { MemoryBounds } from './bounds.ts'
import { createFlights } from './flights.ts'
import { createMarkers } from './markers.ts'
import type { Marker } from './markers.ts'
import { createMemoryReader } from './reader.ts'
import { createSlots } from './slots.ts'

export type MemoryCache = Cache & {
  /** The cached entry, without loading: `undefined` where none is cached, `null` for a known absence. Counts as a hit. */
  peek(key: string): Entry | null | undefined
}

/** Opens a cache in memory with the bounds of its URL. */
export function openMemoryCache(url: string, options: CacheOptions): MemoryCache {
  return createMemoryCache({ ...options, ...boundsOf(url) })
}

/**
 * Markers and fill leases in one process, where each step is atomic and no message is late. A write empties its key and
 * marks it, so that no load that began earlier can fill it. A reader of an empty key takes the fill lease (a flight); a
 * reader of a marked key loads for itself and fills nothing.
 */
export function createMemoryCache(options: CacheOptions & MemoryBounds): MemoryCache {
  const { clock, singleProcess = () => true, absentTtlMs = defaultAbsentTtlMs, flightWaitMs = 100 } = options
  const { durations = durationClockOf(clock) } = options
  const slots = createSlots({ ...options, durations, absentTtlMs })
  const flights = createFlights<Entry | undefined>(flightWaitMs)
  const markers = createMarkers()
  const reads = { hit: 0, miss: 0, wait: 0, busy: 0, bypass: 0 }
  const writes = { ok: 0, contended: 0, failed: 0 }
  const read = createMemoryReader({ clock, reads, flights, markers, peek, store, isUsable })
  let closed = false
  let wasUsable = true

  function peek(key: string): Entry | null | undefined {
    if (!isUsable()) return undefined
    const entry = slots.get(key)
    if (entry !== undefined) reads.hit += 1
    return entry
  }

  async function write<T>(
    keys: readonly string[],
    change: (deadline: Deadline) => Promise<T>,
    entryOf: (result: T, key: string) => Entry | null | undefined,
  ): Promise<T> {
    const marked = keys.map((key) => ({ key, marker: begin(key), entry: leaveEmpty }))
    try {
      const result = await change(noDeadline)
      for (const mark of marked) mark.entry = entryOf(result, mark.key)
      writes[marked.some(({ marker }) => marker.contended) ? 'contended' : 'ok'] += 1
      return result
    } catch (error) {
      writes.failed += 1
      throw error
    } finally {
      for (const { key, marker, entry } of marked)
        if (markers.end(key, marker) && entry !== undefined) store(key, entry)
    }
  }

  /** Marks even while the cache is bypassed: a write that outlasts the bypass must still keep readers from filling. */
  function begin(key: string): Marker {
    const mayStore = isUsable()
    slots.delete(key)
    flights.revoke(key)
    return markers.begin(key, mayStore)
  }

  function store(key: string, entry: Entry | null): void {
    if (isUsable()) slots.set(key, entry)
  }

  function isUsable(): boolean {
    const usable = !closed && singleProcess()
    if (wasUsable && !usable) forget()
    wasUsable = usable
    return usable
  }

  function forget(): void {
    slots.clear()
    flights.revokeAll()
    markers.forbidStoring()
  }

  return {
    peek,
    read,
    write,
    async close() {
      closed = true
      forget()
    },
    stats: () => ({ ...slots.size(), reads: { ...reads }, writes: { ...writes } }),
  }
}

/** Markers in this process last as long as their writes. */
const noDeadline: Deadline = {}

const leaveEmpty: Entry | null | undefined = undefined
