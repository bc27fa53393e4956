import type { Clock } from '@quintet/chassis/clock'
import { createLinkedList } from '@quintet/chassis/concurrency'
import type { Linked } from '@quintet/chassis/concurrency'

const sweepIntervalMs = 250

/** Work that must be over in time, or is cut. */
export interface TimedWork extends Linked<TimedWork> {
  /** When its time is over; set by `begin`. */
  deadlineMs: number
  /** Ends the work, which has no deadline any more. */
  cut(): void
}

export type Deadlines = ReturnType<typeof createDeadlines>

/**
 * Cuts what takes longer than `limitMs`. All have the same limit, so that the oldest is the first to be late, and one timer is
 * enough for all.
 */
export function createDeadlines({ clock, limitMs }: { clock: Clock; limitMs: number }) {
  const open = createLinkedList<TimedWork>()
  const timer = setInterval(sweep, Math.min(sweepIntervalMs, limitMs)).unref()

  function sweep(): void {
    const now = clock.now()
    for (let work = open.first(); work !== undefined && work.deadlineMs <= now; work = open.first()) {
      open.remove(work)
      work.cut()
    }
  }

  return {
    begin(work: TimedWork): void {
      work.deadlineMs = clock.now() + limitMs
      open.add(work)
    },
    /** The work is over; does nothing if it was cut. */
    end(work: TimedWork): void {
      open.remove(work)
    },
    close(): void {
      clearInterval(timer)
    },
  }
}
