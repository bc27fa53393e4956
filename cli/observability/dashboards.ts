import { charts, promqlOf } from '@quintet/console/charts'
import type { Chart, Selection } from '@quintet/console/charts'
import { panelRows } from './panels.ts'
import type { PanelOptions } from './panels.ts'
import { budgetLeft, budgetTexts, latencyText } from './objectives.ts'

/**
 * The dashboards for Grafana, in its classic schema, since that of later versions cannot be provisioned from files. They name no data
 * source but by a variable.
 */

type Section = { readonly title: string; readonly panels: readonly PanelOptions[] }

const ofGroup = (title: string): Section => ({
  title,
  panels: charts.filter(({ group }) => group === title).map(panelOf),
})

const objectives: Section = {
  title: 'Objectives',
  panels: [
    {
      kind: 'stat',
      title: 'Error budget left',
      description: `Of the ${budgetTexts.errors} of requests that may fail, what the last three days have left. Below 0, put off what is risky.`,
      unit: 'share',
      expr: ofServices(budgetLeft('errors')),
      legend: '{{service}}',
    },
    {
      kind: 'stat',
      title: 'Latency budget left',
      description: `Of the ${budgetTexts.slow} of requests that may take longer than ${latencyText}, what the last three days have left.`,
      unit: 'share',
      expr: ofServices(budgetLeft('slow')),
      legend: '{{service}}',
    },
    {
      title: 'Targets that respond',
      description: '1 while Prometheus can read the metrics of a process, 0 while it cannot.',
      unit: 'count',
      expr: 'min by (service) (up{job="quintet",service=~"$service"})',
      legend: '{{service}}',
    },
    {
      title: 'Checks of promises',
      description:
        'By result, in the last hour. One that is broken is a page; one that is unknown could not be made, as while an engine does not respond.',
      unit: 'count',
      expr: 'sum by (service, result) (increase(quintet_promise_checks_total{service=~"$service"}[1h]))',
      legend: '{{service}} {{result}}',
    },
    {
      title: 'Firing alerts',
      description: 'Nothing is best. What each alert means and what to do is in docs/alerts.md.',
      unit: 'count',
      expr: 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
      legend: '{{alertname}} ({{severity}})',
    },
  ],
}

const process: Section = {
  title: 'Processes',
  panels: [
    {
      title: 'Dependencies',
      description: '1 while a database, queue or cache that the service needs responds, 0 while it does not.',
      unit: 'count',
      expr: 'min by (service, dependency) (quintet_dependency_up{service=~"$service"})',
      legend: '{{service}} {{dependency}}',
    },
    {
      title: 'Restarts',
      description:
        'How often a process has begun in the last hour. More than one for each release is a fault.',
      unit: 'count',
      expr: 'max by (service) (changes(process_start_time_seconds{service=~"$service"}[1h]))',
      legend: '{{service}}',
    },
  ],
}

const dashboards: Readonly<
  Record<string, { readonly title: string; readonly sections: readonly Section[] }>
> = {
  overview: { title: 'Overview', sections: [objectives, ofGroup('Overview')] },
  gateway: { title: 'Gateway', sections: [ofGroup('Gateway')] },
  'queues-and-billing': { title: 'Queues and billing', sections: [ofGroup('Queues and billing')] },
  runtime: {
    title: 'Runtime',
    sections: [process, ofGroup('Runtime'), ofGroup('Commits and cache'), ofGroup('Telemetry')],
  },
}

/** The text of each dashboard, by the name of its file. */
export function dashboardFiles(): Map<string, string> {
  return new Map(
    Object.entries(dashboards).map(([name, { title, sections }]) => [
      `${name}.json`,
      `${JSON.stringify(dashboard(name, title, sections), null, 2)}\n`,
    ]),
  )
}

function dashboard(name: string, title: string, sections: readonly Section[]): object {
  return {
    uid: `quintet-${name}`,
    title: `Quintet: ${title}`,
    tags: ['quintet'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [{ type: 'dashboards', title: 'Quintet', tags: ['quintet'], asDropdown: true, keepTime: true }],
    templating: { list: [dataSource, service] },
    annotations: { list: [] },
    panels: panelRows(sections),
  }
}

const dataSource = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  refresh: 1,
  hide: 0,
}

const services = 'label_values(up{job="quintet"}, service)'
const service = {
  name: 'service',
  label: 'Service',
  type: 'query',
  datasource: { type: 'prometheus', uid: `\${datasource}` },
  definition: services,
  query: { query: services, refId: 'service' },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
}

function panelOf(chart: Chart): PanelOptions {
  const { title, description, unit, by, kind } = chart
  return {
    title,
    description,
    unit,
    expr: promqlOf(ofChosenServices(chart), '$__rate_interval'),
    legend: by.map((label) => `{{${label}}}`).join(' '),
    hasExemplars: kind === 'quantile',
  }
}

/** A chart that has a line for each service shows those that are chosen. */
function ofChosenServices(chart: Chart): Chart {
  if (!chart.by.includes('service')) return chart
  const chosen = ({ metric, where = [] }: Selection): Selection => ({
    metric,
    where: [...where, ['service', '=~', '$service']],
  })
  if (chart.kind === 'ratio') return { ...chart, ...chosen(chart), over: chosen(chart.over) }
  return { ...chart, ...chosen(chart) }
}

/** A query of recorded series, whose only label is the service. */
function ofServices(expr: string): string {
  return expr.replace(/service:[\w:]+/g, '$&{service=~"$$service"}')
}
