import { systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'

const intervalMs = 1_000
/** How much the rates of two clocks may differ while one is being slewed (ntp_adjtime). */
const driftMax = 0.0005
/** Some engines cut their time to whole milliseconds. */
const resolutionMs = 1

/** How far the engine's clock is ahead of `performance.now()` in this process, at least and at most. */
type Offset = { readonly min: number; readonly max: number; readonly measuredAt: number }

export type EngineClock = Clock & {
  /**
   * To be awaited where the process's clock must not be used in its place: undefined once the engine's clock has been read; before,
   * settles as a reading does. A clock that stands for the engine's has none.
   */
  whenRead?(): Promise<void> | undefined
}

/**
 * An estimate of the clock of an engine: never behind it, and ahead by no more than one reading takes. The clock is read once a
 * second, and in between time passes as on the machine's monotonic clock, so that the process's own clock may be wrong or set. Until
 * the first reading it is that clock. A clock that a test has injected stands for the engine's and is returned as it is.
 */
export function followEngineClock(
  clock: Clock,
  readMs: () => number | Promise<number>,
): {
  readonly clock: EngineClock
  /** The clock itself, read now. */
  read(): Promise<number>
  stop(): void
} {
  if (clock !== systemClock) return { clock, read: async () => clock.now(), stop: () => {} }
  let offset: Offset | undefined
  let firstReading: Promise<void> | undefined

  async function measure(): Promise<void> {
    const sentAt = performance.now()
    const reading = readMs()
    const engineMs = typeof reading === 'number' ? reading : await reading
    // The first reading of a server also takes the time to connect to it.
    if (offset === undefined) setImmediate(poll)
    offset = narrowed(offset, offsetOf(engineMs, sentAt, performance.now()))
  }

  /** What cannot be read now is read a second later. */
  function poll(): void {
    measure().catch(() => {})
  }

  function whenRead(): Promise<void> | undefined {
    if (offset !== undefined) return undefined
    firstReading ??= measure().finally(() => {
      firstReading = undefined
    })
    return firstReading
  }

  whenRead()?.catch(() => {})
  const timer = setInterval(poll, intervalMs).unref()
  return {
    clock: { now: () => (offset === undefined ? clock.now() : performance.now() + offset.max), whenRead },
    read: async () => readMs(),
    stop: () => clearInterval(timer),
  }
}

/** The engine has read its clock between sending and receiving. */
function offsetOf(engineMs: number, sentAt: number, receivedAt: number): Offset {
  return { min: engineMs - receivedAt, max: engineMs + resolutionMs - sentAt, measuredAt: receivedAt }
}

/** What both say; the newer alone where they contradict each other, since one of the clocks was set. */
function narrowed(older: Offset | undefined, newer: Offset): Offset {
  if (older === undefined) return newer
  const drift = (newer.measuredAt - older.measuredAt) * driftMax
  const min = Math.max(newer.min, older.min - drift)
  const max = Math.min(newer.max, older.max + drift)
  return min <= max ? { min, max, measuredAt: newer.measuredAt } : newer
}
