import { setTimeout as pause } from 'node:timers/promises'
import { durationClockOf } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { FailureLogger } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import type { Row } from './charts/evaluate.ts'
import type { History, ObservedService } from './parts.ts'
import { createFetchText } from './scraping/fetch-text.ts'
import type { FetchText } from './scraping/fetch-text.ts'
import type { KeptMetric } from './scraping/kept-metrics.ts'
import { createReport } from './scraping/report.ts'
import { createTarget } from './scraping/target.ts'
import type { Target } from './scraping/target.ts'
import type { ServiceState } from './wire/index.ts'

type Options = {
  readonly services: readonly Pick<ObservedService, 'name' | 'metricsUrl' | 'control'>[]
  /** What is kept of the metrics. */
  readonly kept: ReadonlyMap<string, KeptMetric>
  readonly clock: Clock
  readonly logger: FailureLogger
  readonly history: Pick<History, 'addEvent'>
  /** How a service is by its readiness. */
  readonly stateOf: (name: ServiceName) => Promise<{ readonly state: ServiceState }> | undefined
  /** Keeps what was scraped of a service. */
  readonly keep: (row: Row) => Promise<void>
  readonly fetchText?: FetchText
}

export type Scraper = {
  /** What the last minute has of a service, by time; nothing where it was not scraped. */
  recent(service: ServiceName): readonly Row[]
  /** The names of the counters of a service, of which rows lack those that have not grown. */
  counters(service: string): readonly string[]
  /** Scrapes each target that is not being scraped, for the rows of this time. */
  scrape(at: number): Promise<void>
  /** Scrapes at once, and every ten seconds from then on. */
  start(): void
  stop(): void
}

const stepMs = 10_000
const recentMs = 60_000
/** The next target does not wait any longer for the one before, so that those of one process are not scraped at once. */
const turnMs = 250

/** Scrapes the metrics of all services, and keeps what is needed of them. */
export function createScraper(options: Options): Scraper {
  const { clock, services, fetchText = createFetchText() } = options
  const { now } = durationClockOf(clock)
  let targets = new Map<string, Target>()
  const recent = new Map<string, readonly Row[]>()
  const reports = new Map(services.map(({ name }) => [name, createReport(name, options)]))
  const keep = createKeeper(options)
  const crowded = createFailureLog(options.logger, {
    failing: 'a service has more series than are kept of it, and new ones are left out',
  })
  let timer: NodeJS.Timeout | undefined

  /** The targets as they are now; a service that was started again may be at another address. */
  function current(): readonly Target[] {
    const groups = Map.groupBy(services, ({ metricsUrl }) => metricsUrl())
    targets = new Map(
      [...groups].map(([url, members]) => {
        const names = members.map(({ name }) => name)
        const key = [url, ...names].join(' ')
        const made = () => createTarget({ url, services: names, kept: options.kept, fetchText, now })
        return [key, targets.get(key) ?? made()]
      }),
    )
    return [...targets.values()]
  }

  async function scrapeTarget(target: Target, at: number): Promise<void> {
    const running = services.filter((one) => target.services.includes(one.name) && isRunning(one))
    const scraped = running.length > 0 ? await target.scrape() : undefined
    if (scraped === undefined) return
    for (const { name } of running) await reports.get(name)?.(scraped.fault)
    if (target.isFull()) crowded.failed(target.services.join(', '))
    for (const [service, samples] of scraped.rows) {
      const row = { at, service, samples: Object.fromEntries(samples) }
      const before = recent.get(service)?.filter((one) => one.at > at - recentMs && one.at < at) ?? []
      recent.set(service, [...before, row])
      await keep(row)
    }
  }

  async function scrape(at: number): Promise<void> {
    const scrapes: Promise<void>[] = []
    for (const target of current()) {
      const scraped = scrapeTarget(target, at)
      scrapes.push(scraped)
      await Promise.race([scraped, pause(turnMs, undefined, { ref: false })])
    }
    await Promise.all(scrapes)
  }

  /** Scrapes, and reports what goes wrong, since nobody waits for it. */
  function scrapeFor(at: number): void {
    scrape(at).catch((err: unknown) => options.logger.warn({ err }, 'the metrics were not scraped'))
  }

  function schedule(): void {
    const at = (Math.floor(clock.now() / stepMs) + 1) * stepMs
    timer = setTimeout(() => {
      schedule()
      scrapeFor(at)
    }, at - clock.now()).unref()
  }

  return {
    recent: (service) => (recent.get(service) ?? []).filter(({ at }) => at > clock.now() - recentMs),
    counters: (service) => [...targets.values()].flatMap((target) => [...target.counters(service)]),
    scrape,
    start() {
      schedule()
      scrapeFor(Math.floor(clock.now() / stepMs) * stepMs)
    },
    stop: () => clearTimeout(timer),
  }
}

function isRunning({ control }: Pick<ObservedService, 'control'>): boolean {
  const state = control?.state()
  return state !== 'stopped' && state !== 'starting' && state !== 'closing'
}

/** Keeps rows; where that fails there is one line in the log, and scraping goes on. */
function createKeeper({ keep, logger }: Options): (row: Row) => Promise<void> {
  const log = createFailureLog(logger, {
    failing: 'the history of metrics is not kept',
    recovered: 'the history of metrics is kept again',
  })
  return async (row) => {
    try {
      await keep(row)
      log.succeeded()
    } catch (error) {
      log.failed(error)
    }
  }
}
