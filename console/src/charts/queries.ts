import type { Chart } from './chart.ts'
import { gatewayCharts } from './gateway.ts'
import { messageCharts } from './messages.ts'
import { overviewCharts } from './overview.ts'
import { runtimeCharts } from './runtime.ts'
import { storageCharts } from './storage.ts'
import { telemetryCharts } from './telemetry.ts'

export { promqlOf } from './chart.ts'
export type { Chart, Query, Selection } from './chart.ts'

/**
 * The one list of charts. The series of the console, its queries for Prometheus, the dashboards and the rules are made from it, so that
 * they cannot disagree.
 */
export const charts: readonly Chart[] = [
  ...overviewCharts,
  ...gatewayCharts,
  ...messageCharts,
  ...runtimeCharts,
  ...storageCharts,
  ...telemetryCharts,
]

const byName = new Map(charts.map((chart) => [chart.name, chart]))

/** Undefined where there is none of this name. */
export function chartNamed(name: string): Chart | undefined {
  return byName.get(name)
}
