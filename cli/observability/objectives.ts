import { promqlOf } from '@quintet/console/charts'
import type { Chart } from '@quintet/console/charts'
import { chart } from './query.ts'

/** What clients may expect of each service over 30 days, and how fast what is left of that may be used up. */

/** The share of requests that may fail, and that may take longer than 250 ms. */
const errorBudget = 0.001
const latencyBudget = 0.01

const windows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const
type Window = (typeof windows)[number]

const requests = 'http_server_request_duration_seconds'
/** Streams of events last as long as their clients like. */
const timed = [['http_route', '!=', '/guid-events']] as const

const quick: Chart = {
  ...chart('requests'),
  kind: 'ratio',
  metric: `${requests}_bucket`,
  where: [['le', '=', '0.25'], ...timed],
  over: { metric: `${requests}_count`, where: timed },
}

/** The alerts compare shares only where there are this many requests in the longer window, so that one of ten is no outage. */
const requestsMin = 100

const longWindows = ['1h', '6h', '1d', '3d'] as const
/** Over these a share changes slowly, and takes long to compute. */
const slowWindows: readonly string[] = ['6h', '1d', '3d']

type RecordingRule = { readonly record: string; readonly expr: string }

/** What the alerts compare, by window. */
const recorded: readonly (RecordingRule & { readonly window: string })[] = [
  ...windows.flatMap((window) => [
    { window, record: share('errors', window), expr: promqlOf(chart('errors'), window) },
    { window, record: share('slow', window), expr: `1 - (${promqlOf(quick, window)})` },
  ]),
  ...longWindows.map((window) => ({
    window,
    record: counted(window),
    expr: `sum by (service) (increase(${requests}_count[${window}]))`,
  })),
]

/** By group, with how often it is computed where that is less often than everything else. */
export const recordingGroups: readonly {
  readonly name: string
  readonly interval?: string
  readonly rules: readonly RecordingRule[]
}[] = [
  { name: 'objectives', rules: recorded.filter(({ window }) => !slowWindows.includes(window)) },
  {
    name: 'objectives-days',
    interval: '2m',
    rules: recorded.filter(({ window }) => slowWindows.includes(window)),
  },
]

/** By the SRE workbook: how many times as fast as over 30 days a budget is used, in a long window and still in a short one. */
type Burn = { readonly long: (typeof longWindows)[number]; readonly short: Window; readonly factor: number }

export const fastBurns: readonly Burn[] = [
  { long: '1h', short: '5m', factor: 14.4 },
  { long: '6h', short: '30m', factor: 6 },
]
export const slowBurns: readonly Burn[] = [
  { long: '1d', short: '2h', factor: 3 },
  { long: '3d', short: '6h', factor: 1 },
]

/** What holds while the budget of a service is used too fast. */
export function burns(what: 'errors' | 'slow', { long, short, factor }: Burn): string {
  const limit = `${factor} * ${what === 'errors' ? errorBudget : latencyBudget}`
  return [
    `${share(what, long)} > ${limit}`,
    `and ${share(what, short)} > ${limit}`,
    `and ${counted(long)} >= ${requestsMin}`,
  ].join('\n')
}

/** How much is left of a budget over the last three days, as a share of it. */
export function budgetLeft(what: 'errors' | 'slow'): string {
  return `1 - ${share(what, '3d')} / ${what === 'errors' ? errorBudget : latencyBudget}`
}

function share(what: 'errors' | 'slow', window: Window): string {
  return `service:http_server_${what}:ratio_rate${window}`
}

function counted(window: (typeof longWindows)[number]): string {
  return `service:http_server_requests:increase${window}`
}
