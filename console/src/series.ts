import type { Clock } from '@quintet/chassis/clock'
import { invalid } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Row } from './charts/evaluate.ts'
import { chartNamed, charts, promqlOf } from './charts/queries.ts'
import type { Chart } from './charts/queries.ts'
import { linesMax, metricsOf, seriesOf } from './charts/series-of.ts'
import { finestStepMs } from './charts/steps.ts'
import type { ObservedService } from './parts.ts'
import type { Scraper } from './scraper.ts'
import { scrapedSeconds } from './scraping/kept-metrics.ts'
import { ChartList, Series } from './wire/index.ts'

type Range = { readonly from: number; readonly to: number; readonly service?: string | undefined }

/** Gives the rows that are kept of a service, with the samples of these names, whatever their labels are. */
export type ReadRows = (
  range: Range & { readonly names: readonly string[]; readonly stepMs: number },
) => Promise<readonly Row[]>

type Parts = {
  readonly clock: Clock
  readonly services: readonly Pick<ObservedService, 'name'>[]
  readonly scraper: Pick<Scraper, 'counters'>
  readonly rows: ReadRows
  /** Kept traces of requests to a service, or to any, the slowest first. */
  readonly slowTraces: (
    range: Range & { readonly limit: number },
  ) => Promise<readonly { readonly id: string; readonly at: number; readonly durationMs: number }[]>
}

const operation = describeOperations('charts')

const spanDefaultMs = 900_000
/** Those that a chart has unless others are asked for: the finest that makes no more values than this. */
const readable = {
  stepsMs: [10, 60, 600, 3_600, 7_200, 21_600, 86_400].map((seconds) => seconds * 1_000),
  points: 450,
}
const pointsMax = 2_500
const exemplarsMax = 20

const SeriesQuery = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: 'The name of a chart.' }),
    service: Type.Optional(
      Type.String({ maxLength: 100, description: 'The one service to show; all without it.' }),
    ),
    from: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'In milliseconds since 1970; 15 minutes before `to` by default.',
      }),
    ),
    to: Type.Optional(
      Type.Integer({ minimum: 0, description: 'In milliseconds since 1970; now by default.' }),
    ),
    step: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 86_400,
        description:
          'Seconds between two values. It becomes 60 for what is older than 6 hours and 600 for what is older than 3 days, or a multiple of those.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** The charts, and the history of what they show. */
export function addSeries(app: App, parts: Parts): void {
  app.get(
    '/api/charts',
    operation('listCharts', 'List the charts, each with its query for Prometheus', {
      response: { 200: ChartList, ...problems(401) },
    }),
    async () => ({
      data: charts.map((chart) => {
        const { name, title, description, group, unit } = chart
        return { name, title, description, group, unit, promql: promqlOf(chart) }
      }),
    }),
  )

  app.get(
    '/api/series',
    operation('getSeries', 'Get the values of a chart over a span of time', {
      description: `One line for each service, route or queue, ${linesMax} at most; null where nothing was measured.`,
      querystring: SeriesQuery,
      response: { 200: Series, ...problems(400, 401, 503) },
    }),
    async ({
      query: { name, service, to = parts.clock.now(), from = Math.max(0, to - spanDefaultMs), step },
    }) => {
      const chart = chartOf(name)
      if (service !== undefined) checkService(service, parts)
      const stepMs = stepFor(step === undefined ? undefined : step * 1_000, { from, to }, parts.clock.now())
      return getSeries(chart, { from, to, service, stepMs }, parts)
    },
  )
}

async function getSeries(
  chart: Chart,
  range: Range & { readonly stepMs: number },
  { services, scraper, rows, slowTraces }: Parts,
): Promise<Series> {
  const { service, ...span } = range
  const names = [...metricsOf(chart), scrapedSeconds]
  // One at a time, since each is a large answer of the thread that reads.
  const found: Row[] = []
  for (const { name } of service === undefined ? services : [{ name: service }])
    found.push(...(await rows({ ...span, service: name, names })))
  const counters = (name: string) => scraper.counters(name)
  const series = await seriesOf(chart, found, { ...span, isOfOne: service !== undefined, counters })
  const traces = hasExemplars(chart) ? await slowTraces({ ...range, limit: exemplarsMax }) : []
  return {
    name: chart.name,
    unit: chart.unit,
    ...series,
    exemplars: traces.map(({ id, at, durationMs }) => ({ at, value: durationMs / 1_000, traceId: id })),
  }
}

/** Traces are of requests. */
function hasExemplars({ kind, metric }: Chart): boolean {
  return kind === 'quantile' && metric === 'http_server_request_duration_seconds_bucket'
}

function chartOf(name: string): Chart {
  const chart = chartNamed(name)
  if (chart === undefined) throw invalid({ name: 'name must be that of a chart, which /api/charts lists.' })
  return chart
}

function checkService(name: string, { services }: Parts): void {
  if (services.some((service) => service.name === name)) return
  const names = services.map((service) => service.name).join(', ')
  throw invalid({ service: `service must be one of ${names}.` })
}

/** The step that was asked for, or one that gives a readable chart; none that is finer than what is kept of the time. */
function stepFor(asked: number | undefined, { from, to }: Range, now: number): number {
  if (from >= to) throw invalid({ from: 'from must be before to.' })
  const span = to - from
  const finest = finestStepMs(from, now)
  const wanted = asked ?? readable.stepsMs.find((stepMs) => span / stepMs <= readable.points) ?? 86_400_000
  const step = Math.max(1, Math.ceil(wanted / finest)) * finest
  const least = Math.ceil(span / pointsMax / finest) * finest
  if (step < least && asked !== undefined)
    throw invalid({ step: `step must be at least ${least / 1_000} for this span of time.` })
  return Math.max(step, least)
}
