/** The time of a run, by the monotonic clock, from 0. */
export type RunClock = {
  nowNs(): number
  nowMs(): number
  /** Unix time, as it was at the start, in milliseconds. */
  unixMs(): number
  /** When a second of Unix time begins, in nanoseconds of the run; the same for each call. */
  atUnixSecond(second: number): number
}

export function startRunClock(): RunClock {
  const start = process.hrtime.bigint()
  const startUnixMs = Date.now()
  const nowNs = () => Number(process.hrtime.bigint() - start)
  const nowMs = () => nowNs() / 1e6
  return {
    nowNs,
    nowMs,
    unixMs: () => startUnixMs + nowMs(),
    atUnixSecond: (second) => (second * 1_000 - startUnixMs) * 1e6,
  }
}
