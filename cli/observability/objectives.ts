import { promqlOf } from '@quintet/console/charts'
import type { Chart } from '@quintet/console/charts'
import { objectives } from '@quintet/console/objectives'
import { chart } from './query.ts'

/** How fast what the objectives permit over 30 days may be used up. */

const { errorBudget, latencyBudget, latencySeconds } = objectives

const budgets = { errors: errorBudget, slow: latencyBudget }
type Budget = keyof typeof budgets

/** The objectives in words. */
export const latencyText = `${latencySeconds * 1_000} ms`
export const budgetTexts = { errors: percent(errorBudget), slow: percent(latencyBudget) }

const windows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const
type Window = (typeof windows)[number]

const requests = 'http_server_request_duration_seconds'
/** Streams of events last as long as their clients like. */
const timed = [['http_route', '!=', '/guid-events']] as const

const quick: Chart = {
  ...chart('requests'),
  kind: 'ratio',
  metric: `${requests}_bucket`,
  where: [['le', '=', String(latencySeconds)], ...timed],
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
export function burns(what: Budget, { long, short, factor }: Burn): string {
  const limit = `${factor} * ${budgets[what]}`
  return [
    `${share(what, long)} > ${limit}`,
    `and ${share(what, short)} > ${limit}`,
    `and ${counted(long)} >= ${requestsMin}`,
  ].join('\n')
}

/** How much is left of a budget over the last three days, as a share of it. */
export function budgetLeft(what: Budget): string {
  return `1 - ${share(what, '3d')} / ${budgets[what]}`
}

function percent(share: number): string {
  return `${share * 100} %`
}

function share(what: Budget, window: Window): string {
  return `service:http_server_${what}:ratio_rate${window}`
}

function counted(window: (typeof longWindows)[number]): string {
  return `service:http_server_requests:increase${window}`
}
