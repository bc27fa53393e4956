import { ScrapeFault } from './fetch-text.ts'
import type { KeptMetric } from './kept-metrics.ts'
import { MalformedMetrics } from './metrics-text.ts'
import { createTracker } from './tracker.ts'
import type { Samples } from './tracker.ts'

type Options = {
  readonly kept: ReadonlyMap<string, KeptMetric>
  /** Gets the text of the metrics. */
  readonly getText: () => Promise<string>
  /** The clock of durations. */
  readonly now: () => number
}

/** What a scrape has found; or why it has not. */
type Scraped = { readonly samples: Samples | undefined; readonly fault: string | undefined }

export type Target = ReturnType<typeof createTarget>

/** What was counted over a longer gap belongs to no time of it. It is the look-back of Prometheus. */
const gapMsMax = 300_000

/** The metrics of one service, which are scraped once at a time. */
export function createTarget({ kept, getText, now }: Options) {
  const tracker = createTracker({ kept })
  let lastAt: number | undefined
  let isBusy = false

  async function read(): Promise<Samples | undefined> {
    const text = await getText()
    const at = now()
    const gapMs = at - (lastAt ?? Number.NEGATIVE_INFINITY)
    lastAt = at
    return tracker.read(text, gapMs > gapMsMax ? undefined : gapMs / 1_000)
  }

  /** Undefined where the one before has not ended. */
  async function scrape(): Promise<Scraped | undefined> {
    if (isBusy) return undefined
    isBusy = true
    try {
      return { samples: await read(), fault: undefined }
    } catch (error) {
      if (error instanceof ScrapeFault || error instanceof MalformedMetrics)
        return { samples: undefined, fault: error.message }
      throw error
    } finally {
      isBusy = false
    }
  }

  return { scrape, counters: tracker.counters, isFull: tracker.isFull }
}
