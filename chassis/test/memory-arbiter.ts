import type { Arbiter, CacheTimes, ControlRow } from '@quintet/chassis/cache'

/** Short times in which a busy machine still answers. */
export const testTimes: CacheTimes = { pollMs: 20, readLeaseMs: 600, writeLeaseMs: 1_200, markerMs: 30_000 }

/**
 * The control row of caches whose values are in no database. For a test in which no write of before can be on its way, a server
 * can be read as soon as it can be written.
 */
export function createMemoryArbiter({
  settle = async () => {},
  skipsWarming = false,
}: Partial<Pick<Arbiter, 'settle'>> & { skipsWarming?: boolean } = {}): Arbiter {
  let row: ControlRow = { epoch: 0, mode: 'none', generation: '', instance: '', challenge: '' }
  return {
    settle,
    read: async () => row,
    async replace(seen, next) {
      if (row.epoch !== seen.epoch || row.challenge !== seen.challenge) return
      row = skipsWarming && next.mode === 'warming' ? { ...next, mode: 'on' } : next
    },
  }
}
