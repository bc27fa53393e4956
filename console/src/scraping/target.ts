import type { FetchText } from './fetch-text.ts'
import { ScrapeFault } from './fetch-text.ts'
import type { KeptMetric } from './kept-metrics.ts'
import { MalformedMetrics } from './metrics-text.ts'
import { createTracker } from './tracker.ts'
import type { Samples } from './tracker.ts'

type Options = {
  readonly url: string
  /** Those whose metrics are there. */
  readonly services: readonly string[]
  readonly kept: ReadonlyMap<string, KeptMetric>
  readonly fetchText: FetchText
  /** The clock of durations. */
  readonly now: () => number
}

/** What a scrape has found, by service; or why it has not. */
type Scraped = { readonly rows: ReadonlyMap<string, Samples>; readonly fault: string | undefined }

export type Target = ReturnType<typeof createTarget>

/** What was counted over a longer gap says nothing about any time of it; so long does Prometheus look back. */
const gapMsMax = 300_000

/** One address with metrics, which is scraped once at a time. */
export function createTarget({ url, services, kept, fetchText, now }: Options) {
  const ofProcess = services.find((name) => name === 'gateway') ?? services[0] ?? ''
  const tracker = createTracker({ services, ofProcess, kept })
  let lastAt: number | undefined
  let fault: string | undefined
  let isBusy = false

  async function read(): Promise<ReadonlyMap<string, Samples>> {
    const text = await fetchText(url)
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
      const rows = await read()
      fault = undefined
      return { rows, fault }
    } catch (error) {
      if (!(error instanceof ScrapeFault || error instanceof MalformedMetrics)) throw error
      fault = error.message
      return { rows: new Map(), fault }
    } finally {
      isBusy = false
    }
  }

  return { services, scrape, fault: () => fault, counters: tracker.counters, isFull: tracker.isFull }
}
