import type { Clock } from '../../clock/index.ts'
import { createLoads } from '../loads.ts'
import type { Cache, Entry, Load, ReadResult } from '../port.ts'
import type { createFlights, Flight } from './flights.ts'
import type { createMarkers } from './markers.ts'

/** The reading half of the cache in memory: a stored value, else a load, which fills an empty key that has no marker. */
export function createMemoryReader({
  clock,
  reads,
  flights,
  markers,
  peek,
  store,
  isUsable,
}: {
  clock: Clock
  /** Counts of reads by result. */
  reads: Record<ReadResult, number>
  flights: ReturnType<typeof createFlights<Entry | undefined>>
  markers: ReturnType<typeof createMarkers>
  peek(key: string): Entry | null | undefined
  store(key: string, entry: Entry | null): void
  isUsable(): boolean
}): Cache['read'] {
  const { unlessExpired, loadWithout } = createLoads({ clock, reads })

  function look(key: string, load: Load, flightsLeft: number): ReturnType<Load> {
    const cached = peek(key)
    if (cached !== undefined) return cached ?? undefined
    if (!isUsable()) return loadWithout('bypass', load)
    if (markers.has(key)) return loadWithout('busy', load)
    const flight = flights.of(key)
    if (flight === undefined) return lead(key, load)
    return flightsLeft > 0 ? follow(flight, key, load, flightsLeft) : loadWithout('bypass', load)
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
    const flight = flights.begin(key, loading)
    try {
      const entry = unlessExpired(await loading)
      if (flight.isLeased) store(key, entry ?? null)
      return entry
    } finally {
      flights.end(key, flight)
    }
  }

  /**
   * A reader may use the result of a flight that began before it only if the lease was valid to the end: then no write was
   * in progress or began meanwhile. Otherwise it reads again.
   */
  async function follow(flight: Flight<Entry | undefined>, key: string, load: Load, flightsLeft: number) {
    await flights.wait(key, flight)
    if (!flight.isLeased) return look(key, load, flightsLeft - 1)
    reads.wait += 1
    return unlessExpired(await flight.loading)
  }

  return (key, load) => look(key, load, flightsMax)
}

/** A reader whose flights keep losing their leases loads for itself after this many, so that its wait is bounded. */
const flightsMax = 2
