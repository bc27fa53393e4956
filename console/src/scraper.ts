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

type Service = Pick<ObservedService, 'name' | 'send' | 'metricsUrl' | 'metricsText' | 'control'>

type Options = {
  readonly services: readonly Service[]
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
  counters(service: string): Iterable<string>
  /** Scrapes each service that is not being scraped, for the rows of this time. */
  scrape(at: number): Promise<void>
  /** Scrapes at once, and every ten seconds from then on. */
  start(): void
  stop(): void
}

const stepMs = 10_000
const recentMs = 60_000
/** The next service does not wait any longer for the one before, so that those of one process are not scraped at once. */
const turnMs = 250

/** Scrapes the metrics of all services, and keeps what is needed of them. */
export function createScraper(options: Options): Scraper {
  const { clock, services, logger } = options
  const targets = createTargets(options)
  const recent = new Map<string, readonly Row[]>()
  const reports = new Map(services.map(({ name }) => [name, createReport(name, options)]))
  const keep = createKeeper(options)
  const crowded = createFailureLog(logger, {
    failing: 'a service has more series than are kept of it, and new ones are left out',
  })
  let timer: NodeJS.Timeout | undefined

  async function scrapeService(service: Service, at: number): Promise<void> {
    const target = targets.of(service)
    const scraped = await target.scrape()
    if (scraped === undefined) return
    const { name } = service
    await reports.get(name)?.(scraped.fault)
    if (target.isFull()) crowded.failed(name)
    if (scraped.samples === undefined) return
    const row = { at, service: name, samples: Object.fromEntries(scraped.samples) }
    const before = recent.get(name)?.filter((one) => one.at > at - recentMs && one.at < at) ?? []
    recent.set(name, [...before, row])
    await keep(row)
  }

  async function scrape(at: number): Promise<void> {
    const scrapes: Promise<void>[] = []
    for (const service of services.filter(isRunning)) {
      const scraped = scrapeService(service, at).catch((err: unknown) =>
        logger.warn({ err, service: service.name }, 'the metrics of a service were not scraped'),
      )
      scrapes.push(scraped)
      await Promise.race([scraped, pause(turnMs, undefined, { ref: false })])
    }
    await Promise.all(scrapes)
  }

  function schedule(): void {
    const at = (Math.floor(clock.now() / stepMs) + 1) * stepMs
    timer = setTimeout(() => {
      schedule()
      void scrape(at)
    }, at - clock.now()).unref()
  }

  return {
    recent: (service) => (recent.get(service) ?? []).filter(({ at }) => at > clock.now() - recentMs),
    counters: targets.counters,
    scrape,
    start() {
      schedule()
      void scrape(Math.floor(clock.now() / stepMs) * stepMs)
    },
    stop: () => clearTimeout(timer),
  }
}

/** A target for each service; another one where the service is at another address, as after a start. */
function createTargets({ kept, clock, fetchText = createFetchText() }: Options) {
  const { now } = durationClockOf(clock)
  const targets = new Map<string, { readonly url: string; readonly target: Target }>()

  function targetOf({ name, send, metricsUrl, metricsText }: Service): Target {
    const url = metricsUrl()
    const known = targets.get(name)
    if (known?.url === url) return known.target
    const target = createTarget({ kept, now, getText: metricsText ?? (() => fetchText(url, send)) })
    targets.set(name, { url, target })
    return target
  }

  return {
    of: targetOf,
    counters: (service: string) => targets.get(service)?.target.counters() ?? [],
  }
}

function isRunning({ control }: Service): boolean {
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
