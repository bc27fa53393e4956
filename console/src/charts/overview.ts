import type { Chart } from './chart.ts'

const group = 'Overview'
const requests = 'http_server_request_duration_seconds'
const failed = [['http_response_status_code', '=~', '5..']] as const

export const overviewCharts: readonly Chart[] = [
  {
    name: 'requests',
    group,
    title: 'Requests',
    description:
      'Requests by service, but for those for health and metrics. Where it falls to nothing at once, look at the gateway first.',
    unit: 'per second',
    kind: 'rate',
    metric: `${requests}_count`,
    by: ['service'],
  },
  {
    name: 'errors',
    group,
    title: 'Failed requests',
    description:
      'The share of responses of 500 or above. The reasons are in the traces of the service that are kept for an error.',
    unit: 'share',
    kind: 'ratio',
    metric: `${requests}_count`,
    where: failed,
    over: { metric: `${requests}_count` },
    by: ['service'],
  },
  {
    name: 'duration-p50',
    group,
    title: 'Duration, median',
    description: 'Half of the requests take at most so long, from their arrival to the end of the response.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.5,
    metric: `${requests}_bucket`,
    by: ['service'],
  },
  {
    name: 'duration-p95',
    group,
    title: 'Duration, 95 %',
    description:
      '95 of 100 requests take at most so long. Where it grows, compare the durations of the database and the event loop.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.95,
    metric: `${requests}_bucket`,
    by: ['service'],
  },
  {
    name: 'duration-p99',
    group,
    title: 'Duration, 99 %',
    description: '99 of 100 requests take at most so long. The slow ones are among the traces.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.99,
    metric: `${requests}_bucket`,
    by: ['service'],
  },
  {
    name: 'route-requests',
    group,
    title: 'Requests by route',
    description: 'Which routes are used, and how much.',
    unit: 'per second',
    kind: 'rate',
    metric: `${requests}_count`,
    by: ['service', 'http_route'],
  },
  {
    name: 'route-errors',
    group,
    title: 'Failed requests by route',
    description:
      'The share of responses of 500 or above. One route alone has a fault of its own; all of a service share one.',
    unit: 'share',
    kind: 'ratio',
    metric: `${requests}_count`,
    where: failed,
    over: { metric: `${requests}_count` },
    by: ['service', 'http_route'],
  },
  {
    name: 'route-duration-p95',
    group,
    title: 'Duration by route, 95 %',
    description: '95 of 100 requests of the route take at most so long.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.95,
    metric: `${requests}_bucket`,
    by: ['service', 'http_route'],
  },
  {
    name: 'active-requests',
    group,
    title: 'Requests in progress',
    description:
      'Requests that have arrived and have no response yet. Where it only grows, something that the service needs does not respond.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'http_server_active_requests',
    by: ['service'],
  },
  {
    name: 'shed-requests',
    group,
    title: 'Requests refused for load',
    description:
      'Refused to protect the process, by what was beyond its bound: the delay of the event loop, a limit, or the share of one client. Add processes or limit clients.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_shed_requests_total',
    by: ['service', 'reason'],
  },
]
