import type { Clock } from '@quintet/chassis/clock'

const sweepIntervalMs = 250

/** Work that must be over in time, or is cut. */
export type Deadline = { readonly atMs: number; cut(): void }

/**
 * Cuts what takes longer than `limitMs`. All have the same limit, so that the oldest is the first to be late, and one timer is
 * enough for all.
 */
export function createDeadlines({ clock, limitMs }: { clock: Clock; limitMs: number }) {
  const open = new Set<Deadline>()
  const timer = setInterval(sweep, Math.min(sweepIntervalMs, limitMs)).unref()

  function sweep(): void {
    const now = clock.now()
    for (const deadline of open) {
      if (deadline.atMs > now) return
      open.delete(deadline)
      deadline.cut()
    }
  }

  return {
    begin(cut: () => void): Deadline {
      const deadline = { atMs: clock.now() + limitMs, cut }
      open.add(deadline)
      return deadline
    },
    end(deadline: Deadline): void {
      open.delete(deadline)
    },
    close(): void {
      clearInterval(timer)
    },
  }
}
