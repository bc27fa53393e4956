import { AppError } from '../../errors/index.ts'

const measuredAgainMs = 250

/** How full a queue is: as it was measured, with what was published here since, though some of that may be done. */
type Backlog = {
  measured: number
  publishedSince: number
  underway: number
  measuredAt: number
  /** Whether some of it was done since, here. */
  outdated: boolean
  measuring?: Promise<void>
}

/**
 * Bounds what waits in queues whose length is known to the brokers alone. It is measured a few times a second at most, so
 * that several processes which publish at once may go over a bound by what they publish meanwhile.
 */
export function createBacklogs(measure: (topic: string) => Promise<number>) {
  const backlogs = new Map<string, Backlog>()

  async function refresh(topic: string, backlog: Backlog): Promise<void> {
    const before = backlog.publishedSince
    backlog.outdated = false
    backlog.measured = await measure(topic)
    backlog.publishedSince -= before
    backlog.measuredAt = performance.now()
  }

  async function measureAgain(topic: string, backlog: Backlog, seemsFull: boolean): Promise<void> {
    const isRecent = performance.now() - backlog.measuredAt < measuredAgainMs
    if (isRecent && !(seemsFull && backlog.outdated)) return
    backlog.measuring ??= refresh(topic, backlog).finally(() => delete backlog.measuring)
    await backlog.measuring
  }

  return {
    /** Messages of the queue are done, so one that seemed full may not be. */
    outdate(topic: string): void {
      const backlog = backlogs.get(topic)
      if (backlog !== undefined) backlog.outdated = true
    },

    async admit(topic: string, count: number, limit: number, publish: () => Promise<void>): Promise<void> {
      const backlog = backlogs.get(topic) ?? { ...unmeasured }
      backlogs.set(topic, backlog)
      const isFull = () => backlog.measured + backlog.publishedSince + backlog.underway + count > limit
      await measureAgain(topic, backlog, isFull())
      if (isFull()) throw new AppError('overloaded', 'The queue is full; try again shortly.')
      backlog.underway += count
      try {
        await publish()
      } finally {
        backlog.underway -= count
        backlog.publishedSince += count
      }
    },
  }
}

const unmeasured = {
  measured: 0,
  publishedSince: 0,
  underway: 0,
  measuredAt: Number.NEGATIVE_INFINITY,
  outdated: false,
}
