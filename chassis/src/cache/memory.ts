import { LRUCache } from 'lru-cache'
import type { Deadline } from '../clock/index.ts'
import type { Cache, CacheOptions, CacheStats, Entry, Load, ReadResult } from './port.ts'

/** The most that is held in memory; whichever bound is met first evicts the key that was unread for longest. */
export type MemoryBounds = { entriesMax: number; bytesMax: number }

/** Opens a cache in memory with the bounds of its URL. Throws a plain error that says what is wrong with the URL. */
export function openMemoryCache(url: string, options: CacheOptions): Cache {
  return createMemoryCache({ ...options, ...boundsOf(url) })
}

/**
 * The protocol of markers and fill leases in one process, where each step is one turn and no message can be late.
 * A write removes whatever its key holds and marks it, so that no load that began earlier can fill it any more.
 * A reader of an empty key takes the fill lease (a flight); under a marker it loads for itself and fills nothing.
 */
export function createMemoryCache(options: CacheOptions & MemoryBounds): Cache {
  const {
    clock,
    singleProcess = () => true,
    valueTtlMs = 60_000,
    absentTtlMs = 5_000,
    flightWaitMs = 100,
  } = options
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
    const held = peek(key)
    if (held !== undefined) return held ?? undefined
    if (!isUsable()) return loadAlone('bypass', load)
    if (markers.has(key)) return loadAlone('busy', load)
    const flight = flights.get(key)
    if (flight === undefined) return lead(key, load)
    return flightsLeft > 0 ? follow(flight, key, load, flightsLeft) : loadAlone('bypass', load)
  }

  async function loadAlone(result: ReadResult, load: Load): Promise<Entry | undefined> {
    reads[result] += 1
    return living(await load())
  }

  /** A load that answers at once needs no lease, for nothing can happen before its value is installed. */
  function lead(key: string, load: Load): ReturnType<Load> {
    reads.miss += 1
    const loaded = load()
    if (loaded instanceof Promise) return fly(key, loaded)
    const entry = living(loaded)
    install(key, entry ?? null)
    return entry
  }

  async function fly(key: string, loading: Promise<Entry | undefined>): Promise<Entry | undefined> {
    const { promise: over, resolve: finish } = Promise.withResolvers<void>()
    const flight: Flight = { loading, over, finish, stands: true, lapse: undefined }
    flights.set(key, flight)
    try {
      const entry = living(await loading)
      if (flight.stands) install(key, entry ?? null)
      return entry
    } finally {
      if (flight.stands) land(key, flight)
    }
  }

  /**
   * The result of a flight that began before its follower came is as good as the follower's own look only if the lease
   * stood to the end: then no write began in between, and none was under way. Otherwise the follower looks for itself.
   */
  async function follow(
    flight: Flight,
    key: string,
    load: Load,
    flightsLeft: number,
  ): Promise<Entry | undefined> {
    flight.lapse ??= setTimeout(revoke, flightWaitMs, key)
    await flight.over
    if (!flight.stands) return look(key, load, flightsLeft - 1)
    reads.wait += 1
    return living(await flight.loading)
  }

  /** Takes the lease away: what the flight brings is answered to the reader who began it, and to nobody else. */
  function revoke(key: string): void {
    const flight = flights.get(key)
    if (flight === undefined) return
    flight.stands = false
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
    const marked = keys.map((key) => ({ key, marker: begin(key), entry: leftEmpty }))
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

  /** Marks even while the cache is bypassed, so that a write that outlasts the bypass keeps readers from filling. */
  function begin(key: string): Marker {
    const usable = isUsable()
    slots.delete(key)
    revoke(key)
    const marker = markers.get(key) ?? { writers: 0, contended: false, trusted: usable }
    marker.contended = marker.writers > 0
    marker.writers += 1
    markers.set(key, marker)
    return marker
  }

  /** Of writes that met, nobody here knows which came last in the source, so none of them installs what it wrote. */
  function end(key: string, marker: Marker, entry: Entry | null | undefined): void {
    marker.writers -= 1
    if (marker.writers === 0) markers.delete(key)
    if (entry !== undefined && !marker.contended && marker.trusted) install(key, entry)
  }

  function install(key: string, entry: Entry | null): void {
    if (!isUsable()) return
    const nowMs = clock.now()
    const deadlineMs = entry === null ? nowMs + absentTtlMs : Math.min(entry.expiresAtMs, nowMs + valueTtlMs)
    slots.set(key, { entry, deadlineMs })
  }

  function living(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && clock.now() < entry.expiresAtMs ? entry : undefined
  }

  function isUsable(): boolean {
    const usable = !closed && singleProcess()
    if (wasUsable && !usable) forget()
    wasUsable = usable
    return usable
  }

  /** The markers stay, since their writes go on, but none of them may install any more. */
  function forget(): void {
    slots.clear()
    for (const key of flights.keys()) revoke(key)
    for (const marker of markers.values()) marker.trusted = false
  }

  async function close(): Promise<void> {
    closed = true
    forget()
  }

  function stats(): CacheStats {
    return { entries: slots.size, bytes: slots.calculatedSize, reads: { ...reads }, writes: { ...writes } }
  }
}

/** Markers in this process stand for as long as their writes last. */
const noDeadline: Deadline = {}

const leftEmpty: Entry | null | undefined = undefined

/** What is held under a key: an entry, or `null` for known to be absent, not served from `deadlineMs` on. */
type Slot = { readonly entry: Entry | null; readonly deadlineMs: number }

/** A load that holds its key's fill lease. `over` resolves once it has landed or lost the lease: `stands` says which. */
type Flight = {
  readonly loading: Promise<Entry | undefined>
  readonly over: Promise<void>
  readonly finish: () => void
  stands: boolean
  lapse: NodeJS.Timeout | undefined
}

/** The writes under way on a key. `trusted`: the storage has been this process's own since the first of them began. */
type Marker = { writers: number; contended: boolean; trusted: boolean }

/** A reader whose flights keep losing their leases loads alone after these, so that its wait is bounded. */
const flightsMax = 2

/** Measured on 64-bit V8: 260 bytes for the slot, the entry, both strings' headers and the places in map and list. */
const slotOverheadBytes = 300

/** V8 keeps Latin-1 text in one byte per character; counting two keeps the bound for any text. */
function bytesOf(slot: Slot, key: string): number {
  return slotOverheadBytes + 2 * (key.length + (slot.entry?.text.length ?? 0))
}

const bounds = {
  entries: { least: 1, most: 10_000_000, usual: 50_000 },
  bytes: { least: 1024, most: 1024 ** 4, usual: 16 * 1024 ** 2 },
} as const

function boundsOf(url: string): MemoryBounds {
  const [, search] = /^memory:(?:\?(.*))?$/.exec(url) ?? refuse(url, 'only a query may follow "memory:"')
  const query = new URLSearchParams(search)
  for (const name of query.keys()) {
    if (!Object.hasOwn(bounds, name)) refuse(url, `it has "entries" and "bytes", but no "${name}"`)
  }
  return { entriesMax: boundOf(url, query, 'entries'), bytesMax: boundOf(url, query, 'bytes') }
}

function boundOf(url: string, query: URLSearchParams, name: keyof typeof bounds): number {
  const { least, most, usual } = bounds[name]
  const text = query.get(name) ?? String(usual)
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  return refuse(url, `"${name}" must be a whole number from ${least} to ${most}`)
}

function refuse(url: string, reason: string): never {
  throw new Error(`The cache URL "${url}" is wrong: ${reason}`)
}
