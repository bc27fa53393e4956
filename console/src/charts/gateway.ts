import type { Chart } from './chart.ts'

const group = 'Gateway'
const attempts = 'http_client_request_duration_seconds'
const requests = 'quintet_gateway_upstream_requests_total'

export const gatewayCharts: readonly Chart[] = [
  {
    name: 'upstream-requests',
    group,
    title: 'Requests to services',
    description: 'Requests that the gateway sends on, without repetitions.',
    unit: 'per second',
    kind: 'rate',
    metric: requests,
    by: ['upstream'],
  },
  {
    name: 'upstream-duration-p50',
    group,
    title: 'Duration at services, median',
    description: 'Half of the attempts take the service at most so long, seen from the gateway.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.5,
    metric: `${attempts}_bucket`,
    by: ['quintet_upstream'],
  },
  {
    name: 'upstream-duration-p95',
    group,
    title: 'Duration at services, 95 %',
    description:
      '95 of 100 attempts take at most so long, seen from the gateway. What is longer than the duration at the service itself is the network, or a gateway that is busy.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.95,
    metric: `${attempts}_bucket`,
    by: ['quintet_upstream'],
  },
  {
    name: 'upstream-errors',
    group,
    title: 'Failed attempts',
    description: 'The share of attempts that ended without a response, or with one of 500 or above.',
    unit: 'share',
    kind: 'ratio',
    metric: `${attempts}_count`,
    // An attempt without a response has no status.
    where: [['http_response_status_code', '=~', '|5..']],
    over: { metric: `${attempts}_count` },
    by: ['quintet_upstream'],
  },
  {
    name: 'upstream-faults',
    group,
    title: 'Faults of services',
    description:
      'Attempts that failed, by how: look whether the service runs, and at its event loop for what did not respond in time.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_gateway_upstream_faults_total',
    by: ['upstream', 'fault'],
  },
  {
    name: 'upstream-retries',
    group,
    title: 'Retried requests',
    description:
      'The share of requests that were retried. A service that needs it for long is unwell, although clients see nothing of it yet.',
    unit: 'share',
    kind: 'ratio',
    metric: 'quintet_gateway_upstream_retries_total',
    over: { metric: requests },
    by: ['upstream'],
  },
  {
    name: 'upstream-refusals',
    group,
    title: 'Refused requests',
    description:
      'Requests that were not sent on, by why: the circuit is open, too many are in flight, or too many of one client.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_gateway_upstream_refusals_total',
    by: ['upstream', 'reason'],
  },
  {
    name: 'upstream-in-flight',
    group,
    title: 'Requests in flight',
    description:
      'Requests to the service that have no whole response yet. It grows where the service is slow.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'quintet_gateway_upstream_in_flight',
    by: ['upstream'],
  },
  {
    name: 'circuit-open',
    group,
    title: 'Open circuits',
    description:
      '1 while the gateway sends the service nothing but probes, since too many requests have failed. It closes by itself once a probe succeeds.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'max',
    metric: 'quintet_gateway_circuit_state',
    where: [['state', '!=', 'closed']],
    by: ['upstream'],
  },
  {
    name: 'limit-refusals',
    group,
    title: 'Refused by limits',
    description:
      'Requests refused by a limit or a quota, by its policy; none where there are no limits. See docs/limits.md.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_guard_decisions_total',
    where: [['decision', '=', 'refused']],
    by: ['service', 'policy'],
  },
]
