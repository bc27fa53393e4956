import type { Clock } from '../clock/index.ts'
import type { Entry, Load, ReadResult } from './port.ts'

export type Loads = ReturnType<typeof createLoads>

/** What every adapter does with a load: count its result, and treat an entry that has expired by the service's clock as absent. */
export function createLoads({ clock, reads }: { clock: Clock; reads: Record<ReadResult, number> }) {
  function unlessExpired(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && clock.now() < entry.expiresAtMs ? entry : undefined
  }

  /** Loads and stores nothing. */
  function loadWithout(result: ReadResult, load: Load): ReturnType<Load> {
    reads[result] += 1
    const loaded = load()
    return loaded instanceof Promise ? loaded.then(unlessExpired) : unlessExpired(loaded)
  }

  return { unlessExpired, loadWithout }
}
