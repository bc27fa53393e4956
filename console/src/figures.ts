import type { ServiceName } from '@quintet/contracts/topology'
import { createEvaluator } from './charts/evaluate.ts'
import type { Row, Values } from './charts/evaluate.ts'
import { charts } from './charts/queries.ts'
import type { Query, Selection } from './charts/queries.ts'
import type { ConsoleParts } from './parts.ts'
import type { Scraper } from './scraper.ts'
import { isIncrease, keptMetrics, scrapedSeconds } from './scraping/kept-metrics.ts'
import { parseSeries } from './scraping/metrics-text.ts'
import type { Figures, QueueSummary, ServiceSummary } from './wire/index.ts'

/** The figures of one kind of work, each by its own query. A rate without samples is 0 where `zero` has some, and else is not known. */
type Measure = { readonly rate: Query; readonly errors?: Query; readonly p95?: Query; readonly zero?: Query }

const ofService = ['service'] as const
const ofQueue = ['service', 'messaging_destination_name'] as const
const hasFailed = [['error_type', '!=', '']] as const
const sent = 'messaging_client_sent_messages_total'
const handled = 'messaging_process_duration_seconds'
const scraped: Query = { kind: 'rate', metric: scrapedSeconds, by: ofService }
/** It begins with the consumer. */
const delivered = { kind: 'rate', metric: 'messaging_client_consumed_messages_total' } as const

const measures = {
  requests: {
    ...measure('http_server_request_duration_seconds', ofService, [
      ['http_response_status_code', '=~', '5..'],
    ]),
    zero: scraped,
  },
  /** By the service that sends them and the one that gets them. An attempt without a response has no status. */
  upstream: {
    ...measure(
      'http_client_request_duration_seconds',
      ['service', 'quintet_upstream'],
      [['http_response_status_code', '=~', '|5..']],
    ),
    rate: { kind: 'rate', metric: 'quintet_gateway_upstream_requests_total', by: ['service', 'upstream'] },
  },
  database: measure('db_client_operation_duration_seconds', ofService),
  handled: { ...measure(handled, ofQueue, hasFailed), zero: { ...delivered, by: ofQueue } },
  published: {
    rate: { kind: 'rate', metric: sent, by: ofQueue },
    errors: { kind: 'ratio', metric: sent, where: hasFailed, over: { metric: sent }, by: ofQueue },
  },
  cache: { rate: { kind: 'rate', metric: 'quintet_cache_reads_total', by: ofService } },
} satisfies Readonly<Record<string, Measure>>

const succeeded = [['error_type', '=', '']] as const
const zero: Query = { ...delivered, by: ['messaging_destination_name'] }
const queueRates = {
  published: { rate: rateOfQueue({ metric: sent, where: succeeded }) },
  done: { rate: rateOfQueue({ metric: `${handled}_count`, where: succeeded }), zero },
  failed: { rate: rateOfQueue({ metric: `${handled}_count`, where: hasFailed }), zero },
} satisfies Readonly<Record<string, Measure>>

const build: Query = { kind: 'gauge', aggregate: 'max', metric: 'quintet_build_info', by: ['version'] }
const memory = gaugeOfProcess('process_resident_memory_bytes', 'sum')
const startedAt = gaugeOfProcess('process_start_time_seconds', 'max')

/** What is kept of the metrics: what charts and figures need. */
export const kept = keptMetrics([
  ...charts,
  ...[...Object.values(measures), ...Object.values(queueRates)].flatMap((one: Measure) => Object.values(one)),
  ...[build, memory, startedAt],
])

export const noFigures: Figures = { requestsPerSecond: null, errorShare: null, p95Ms: null }

/** What is known of the last minute, by the metrics. */
export type FiguresOfNow = {
  /** Figures of one kind of work; those of two sides by the names of both, with a space between them. */
  of(kind: keyof typeof measures, name: string): Figures
  /** The names of queues and streams that a service publishes to. */
  publishedBy(service: ServiceName): readonly string[]
  /** Messages of a queue, each second. */
  ofQueue(queue: string): Pick<QueueSummary, 'published' | 'done' | 'failed'>
  /** What a service is by its metrics; undefined where there are none. */
  measuredOf(service: ServiceName): Pick<ServiceSummary, 'figures' | 'version' | 'process'> | undefined
}

export function createFigures(
  services: readonly Pick<ConsoleParts['services'][number], 'name'>[],
  scraper: Pick<Scraper, 'recent' | 'counters'>,
): FiguresOfNow {
  const evaluators = new Map<Query, ReturnType<typeof createEvaluator>>()
  let known = new Map<Query, Values>()
  let knownFor = ''

  /** The values of a query, evaluated once for what was scraped last. */
  function valuesOf(query: Query): Values {
    const recent = services.flatMap(({ name }) => scraper.recent(name))
    const newest = recent.map(({ service, at }) => `${service} ${at}`).join()
    if (newest !== knownFor) known = new Map()
    knownFor = newest
    const found = known.get(query)
    if (found !== undefined) return found
    const evaluator = evaluators.get(query) ?? createEvaluator(query)
    evaluators.set(query, evaluator)
    const values = evaluator.valuesOf(merged(recent), scraper.counters)
    known.set(query, values)
    return values
  }

  const figureOf = (query: Query | undefined, name: string) =>
    query === undefined ? null : (valuesOf(query).get(name) ?? null)

  const rateOf = ({ rate, zero }: Measure, name: string) =>
    figureOf(rate, name) ?? (figureOf(zero, name) === null ? null : 0)

  function of(kind: keyof typeof measures, name: string): Figures {
    const measure: Measure = measures[kind]
    const { errors, p95 } = measure
    const seconds = figureOf(p95, name)
    return {
      requestsPerSecond: rateOf(measure, name),
      errorShare: figureOf(errors, name),
      p95Ms: seconds === null ? null : seconds * 1_000,
    }
  }

  return {
    of,
    publishedBy: (service) =>
      [...scraper.counters(service)].flatMap((counter) => {
        const { name, labels } = parseSeries(counter)
        return name === sent ? (labels.get('messaging_destination_name') ?? []) : []
      }),
    ofQueue: (queue) => ({
      published: rateOf(queueRates.published, queue),
      done: rateOf(queueRates.done, queue),
      failed: rateOf(queueRates.failed, queue),
    }),
    measuredOf(service) {
      const last = scraper.recent(service).at(-1)
      if (last === undefined) return undefined
      const started = figureOf(startedAt, service)
      const [version = ''] = createEvaluator(build).valuesOf([last]).keys()
      return {
        figures: of('requests', service),
        version,
        process: {
          id: null,
          memoryBytes: figureOf(memory, service),
          startedAt: started === null ? null : Math.round(started * 1_000),
        },
      }
    },
  }
}

function measure(histogram: string, by: readonly string[], failed?: Selection['where']): Measure {
  const metric = `${histogram}_count`
  return {
    rate: { kind: 'rate', metric, by },
    ...(failed && { errors: { kind: 'ratio', metric, where: failed, over: { metric }, by } }),
    p95: { kind: 'quantile', quantile: 0.95, metric: `${histogram}_bucket`, by },
  }
}

function rateOfQueue(selection: Selection): Query {
  return { kind: 'rate', by: ['messaging_destination_name'], ...selection }
}

function gaugeOfProcess(metric: string, aggregate: 'sum' | 'max'): Query {
  return { kind: 'gauge', aggregate, metric, by: ['service'] }
}

/** One row for each service: the increases of all its rows, and the values of the newest. */
function merged(rows: readonly Row[]): Row[] {
  return [...Map.groupBy(rows, ({ service }) => service)].flatMap(([service, own]) => {
    const newest = own.at(-1)
    if (newest === undefined) return []
    const samples = { ...newest.samples }
    for (const row of own.slice(0, -1))
      for (const [name, increase] of Object.entries(row.samples))
        if (isIncrease(name)) samples[name] = (samples[name] ?? 0) + increase
    return { at: newest.at, service, samples }
  })
}
