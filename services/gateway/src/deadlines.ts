import type { Clock } from '@quintet/chassis/clock'
import { createLinkedList } from '@quintet/chassis/concurrency'
import type { Linked } from '@quintet/chassis/concurrency'

const sweepIntervalMs = 250

/** Work that must be over in time, or is cut. */
interface Deadline extends Linked<Deadline> {
  readonly atMs: number
  cut(): void
}

/**
 * Cuts what takes longer than `limitMs`. All have the same limit, so that the oldest is the first to be late, and one timer is
 * enough for all.
 */
export function createDeadlines({ clock, limitMs }: { clock: Clock; limitMs: number }) {
  const open = createLinkedList<Deadline>()
  const timer = setInterval(sweep, Math.min(sweepIntervalMs, limitMs)).unref()

  function sweep(): void {
    const now = clock.now()
    for (
      let deadline = open.first();
      deadline !== undefined && deadline.atMs <= now;
      deadline = open.first()
    ) {
      open.remove(deadline)
      deadline.cut()
    }
  }

  return {
    begin(cut: () => void): Deadline {
      const deadline: Deadline = { atMs: clock.now() + limitMs, cut }
      open.add(deadline)
      return deadline
    },
    end(deadline: Deadline): void {
      open.remove(deadline)
    },
    close(): void {
      clearInterval(timer)
    },
  }
}
