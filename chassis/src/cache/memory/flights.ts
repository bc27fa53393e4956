/** A load that holds the fill lease of its key. `over` resolves when it has ended or lost the lease; `isLeased` says which. */
export type Flight<T> = {
  readonly loading: Promise<T>
  readonly over: Promise<void>
  readonly finish: () => void
  isLeased: boolean
  lapse: NodeJS.Timeout | undefined
}

/** The fill leases of a cache in memory: at most one load per key may fill it. */
export function createFlights<T>(waitMs: number) {
  const flights = new Map<string, Flight<T>>()

  function land(key: string, flight: Flight<T>): void {
    flights.delete(key)
    clearTimeout(flight.lapse)
    flight.finish()
  }

  /** Revokes the lease: only the reader that began the flight gets its result. */
  function revoke(key: string): void {
    const flight = flights.get(key)
    if (flight === undefined) return
    flight.isLeased = false
    land(key, flight)
  }

  return {
    of: (key: string) => flights.get(key),

    begin(key: string, loading: Promise<T>): Flight<T> {
      const { promise: over, resolve: finish } = Promise.withResolvers<void>()
      const flight: Flight<T> = { loading, over, finish, isLeased: true, lapse: undefined }
      flights.set(key, flight)
      return flight
    },

    end(key: string, flight: Flight<T>): void {
      if (flight.isLeased) land(key, flight)
    },

    /** Waits until a flight is over. `waitMs` after the first reader has begun to wait, the lease of the flight is revoked. */
    wait(key: string, flight: Flight<T>): Promise<void> {
      flight.lapse ??= setTimeout(revoke, waitMs, key)
      return flight.over
    },

    revoke,

    revokeAll(): void {
      for (const key of flights.keys()) revoke(key)
    },
  }
}
