import { LRUCache } from 'lru-cache'
import type { Deadline } from '../clock/index.ts'
import { absentTtlMs as defaultAbsentTtlMs, valueTtlMs } from './limits.ts'
import type { Cache, CacheOptions, CacheStats, Entry, Load, ReadResult } from './port.ts'

/** The size of the cache; whichever bound is reached first evicts the least recently read key. */
export type MemoryBounds = { entriesMax: number; bytesMax: number }

export type MemoryCache = Cache & {
  /** The cached entry, without loading: `undefined` where none is cached, `null` for a known absence. Counts as a hit. */
  peek(key: string): Entry | null | undefined
}

/** Opens a cache in memory with the bounds of its URL. Throws an Error that says what is wrong with the URL. */
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
  const slots = new LRUCache<string, Slot>({
    max: options.entriesMax,
    maxSize: options.bytesMax,
    maxEntrySize: Math.ceil(options.bytesMax / 10),
    sizeCalculation: bytesOf,
  })
  const flights = new Map<string, Flight>()
  const markers = new Map<string, Marker>()
  const reads = { hit: 0, miss: 0, wait: 0, busy: 0, bypass: 0 }
  const writes = { ok: 0, contended: 0, failed: 0 }
  let closed = false
  let wasUsable = true

  return { peek, read, write, close, stats }

  function peek(key: string): Entry | null | undefined {
    if (!isUsable()) return undefined
    const slot = slots.get(key)
    if (slot === undefined || clock.now() >= slot.deadlineMs) return undefined
    reads.hit += 1
    return slot.entry
  }

  function read(key: string, load: Load): ReturnType<Load> {
    return look(key, load, flightsMax)
  }

  function look(key: string, load: Load, flightsLeft: number): ReturnType<Load> {
    const cached = peek(key)
    if (cached !== undefined) return cached ?? undefined
    if (!isUsable()) return loadAlone('bypass', load)
    if (markers.has(key)) return loadAlone('busy', load)
    const flight = flights.get(key)
    if (flight === undefined) return lead(key, load)
    return flightsLeft > 0 ? follow(flight, key, load, flightsLeft) : loadAlone('bypass', load)
  }

  async function loadAlone(result: ReadResult, load: Load): Promise<Entry | undefined> {
    reads[result] += 1
    return unlessExpired(await load())
  }

  /** A load that returns without a promise needs no lease: nothing can happen before its value is stored. */
  function lead(key: string, load: Load): ReturnType<Load> {
    reads.miss += 1
    const loaded = load()
    if (loaded instanceof Promise) return fly(key, loaded)
    const entry = unlessExpired(loaded)
    store(key, entry ?? null)
    return entry
  }

  async function fly(key: string, loading: Promise<Entry | undefined>): Promise<Entry | undefined> {
    const { promise: over, resolve: finish } = Promise.withResolvers<void>()
    const flight: Flight = { loading, over, finish, isLeased: true, lapse: undefined }
    flights.set(key, flight)
    try {
      const entry = unlessExpired(await loading)
      if (flight.isLeased) store(key, entry ?? null)
      return entry
    } finally {
      if (flight.isLeased) land(key, flight)
    }
  }

  /**
   * A reader may use the result of a flight that began before it only if the lease was valid to the end: then no write was
   * in progress or began meanwhile. Otherwise it reads again.
   */
  async function follow(
    flight: Flight,
    key: string,
    load: Load,
    flightsLeft: number,
  ): Promise<Entry | undefined> {
    flight.lapse ??= setTimeout(revoke, flightWaitMs, key)
    await flight.over
    if (!flight.isLeased) return look(key, load, flightsLeft - 1)
    reads.wait += 1
    return unlessExpired(await flight.loading)
  }

  /** Revokes the lease: only the reader that began the flight gets its result. */
  function revoke(key: string): void {
    const flight = flights.get(key)
    if (flight === undefined) return
    flight.isLeased = false
    land(key, flight)
  }

  function land(key: string, flight: Flight): void {
    flights.delete(key)
    clearTimeout(flight.lapse)
    flight.finish()
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
      for (const { key, marker, entry } of marked) end(key, marker, entry)
    }
  }

  /** Marks even while the cache is bypassed: a write that outlasts the bypass must still keep readers from filling. */
  function begin(key: string): Marker {
    const usable = isUsable()
    slots.delete(key)
    revoke(key)
    const marker = markers.get(key) ?? { writers: 0, contended: false, mayStore: usable }
    marker.contended = marker.writers > 0
    marker.writers += 1
    markers.set(key, marker)
    return marker
  }

  /** The order in which overlapping writes took effect in the database is unknown here, so none of them stores its value. */
  function end(key: string, marker: Marker, entry: Entry | null | undefined): void {
    marker.writers -= 1
    if (marker.writers === 0) markers.delete(key)
    if (entry !== undefined && !marker.contended && marker.mayStore) store(key, entry)
  }

  function store(key: string, entry: Entry | null): void {
    if (!isUsable()) return
    const nowMs = clock.now()
    const deadlineMs = entry === null ? nowMs + absentTtlMs : Math.min(entry.expiresAtMs, nowMs + valueTtlMs)
    slots.set(key, { entry, deadlineMs })
  }

  function unlessExpired(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && clock.now() < entry.expiresAtMs ? entry : undefined
  }

  function isUsable(): boolean {
    const usable = !closed && singleProcess()
    if (wasUsable && !usable) forget()
    wasUsable = usable
    return usable
  }

  /** Markers stay until their writes end, but none of those writes may store its value any more. */
  function forget(): void {
    slots.clear()
    for (const key of flights.keys()) revoke(key)
    for (const marker of markers.values()) marker.mayStore = false
  }

  async function close(): Promise<void> {
    closed = true
    forget()
  }

  function stats(): CacheStats {
    return { entries: slots.size, bytes: slots.calculatedSize, reads: { ...reads }, writes: { ...writes } }
  }
}

/** Markers in this process last as long as their writes. */
const noDeadline: Deadline = {}

const leaveEmpty: Entry | null | undefined = undefined

/** What is cached under a key: an entry, or `null` for a known absence, served until `deadlineMs`. */
type Slot = { readonly entry: Entry | null; readonly deadlineMs: number }

/** A load that holds the fill lease of its key. `over` resolves when it has ended or lost the lease; `isLeased` says which. */
type Flight = {
  readonly loading: Promise<Entry | undefined>
  readonly over: Promise<void>
  readonly finish: () => void
  isLeased: boolean
  lapse: NodeJS.Timeout | undefined
}

/** The writes in progress on a key. `mayStore`: no other process wrote to the database since the first of them began. */
type Marker = { writers: number; contended: boolean; mayStore: boolean }

/** A reader whose flights keep losing their leases loads for itself after this many, so that its wait is bounded. */
const flightsMax = 2

/** Measured on 64-bit V8: 260 bytes for the slot, the entry, both string headers and the cells of map and list. */
const slotOverheadBytes = 300

/** V8 stores Latin-1 text in one byte per character; counting two keeps the bound for any text. */
function bytesOf(slot: Slot, key: string): number {
  return slotOverheadBytes + 2 * (key.length + (slot.entry?.text.length ?? 0))
}

const bounds = {
  entries: { minimum: 1, maximum: 10_000_000, byDefault: 50_000 },
  bytes: { minimum: 1024, maximum: 1024 ** 4, byDefault: 16 * 1024 ** 2 },
} as const

function boundsOf(url: string): MemoryBounds {
  const [, search] = /^memory:(?:\?(.*))?$/.exec(url) ?? refuse(url, 'only a query may follow "memory:"')
  const query = new URLSearchParams(search)
  for (const name of query.keys()) {
    if (!Object.hasOwn(bounds, name)) refuse(url, `its parameters are "entries" and "bytes", not "${name}"`)
  }
  return { entriesMax: boundOf(url, query, 'entries'), bytesMax: boundOf(url, query, 'bytes') }
}

function boundOf(url: string, query: URLSearchParams, name: keyof typeof bounds): number {
  const { minimum, maximum, byDefault } = bounds[name]
  const text = query.get(name) ?? String(byDefault)
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= minimum && value <= maximum) return value
  return refuse(url, `"${name}" must be a whole number from ${minimum} to ${maximum}`)
}

function refuse(url: string, reason: string): never {
  throw new Error(`The cache URL "${url}" is wrong: ${reason}`)
}
