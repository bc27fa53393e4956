import { burns, fastBurns, latencyText, slowBurns } from './objectives.ts'
import { query } from './query.ts'

export type Alert = {
  readonly name: string
  readonly expr: string
  /** For how long it must hold. */
  readonly for?: string
  /** `page` is for what cannot wait until the morning. */
  readonly severity: 'page' | 'ticket'
  /** Distinguishes alerts of one name. */
  readonly labels?: Readonly<Record<string, string>>
  readonly summary: string
  readonly description: string
}

const burnAlerts: readonly Alert[] = (
  [
    ['errors', 'ErrorBudget', 'fails requests', 'of the requests of the last {long} have failed'],
    [
      'slow',
      'LatencyBudget',
      'is slow',
      `of the requests of the last {long} took longer than ${latencyText}`,
    ],
  ] as const
).flatMap(([what, name, does, share]) =>
  (
    [
      ['Fast', fastBurns, 'page', 'much faster than it can last'],
      ['Slow', slowBurns, 'ticket', 'faster than it can last'],
    ] as const
  ).flatMap(([speed, all, severity, how]) =>
    all.map((burn) => ({
      name: `${name}${speed}Burn`,
      expr: burns(what, burn),
      severity,
      labels: { window: burn.long },
      summary: `{{ $labels.service }} ${does}`,
      description: `{{ $value | humanizePercentage }} ${share.replace('{long}', burn.long)}: the budget of 30 days is used ${burn.factor === 1 ? 'up' : how}.`,
    })),
  ),
)

const availability: readonly Alert[] = [
  {
    name: 'ServiceDown',
    expr: 'up{job="quintet"} == 0',
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.service }} does not respond at {{ $labels.instance }}',
    description: 'Its metrics could not be read for a minute.',
  },
  {
    name: 'NothingScraped',
    expr: 'absent(up{job="quintet"})',
    for: '5m',
    severity: 'page',
    summary: 'Prometheus has no targets',
    description: 'Nothing of the system is observed, so no other alert can fire.',
  },
  {
    name: 'NotReady',
    expr: 'min by (service, dependency) (quintet_dependency_up) == 0',
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.service }} does not reach its {{ $labels.dependency }}',
    description: 'It has not responded for a minute, and requests that need it get 503.',
  },
  {
    name: 'CircuitOpen',
    // Named by the service that is not reached, as the alerts of that service are.
    expr: `label_replace(${query('circuit-open')}, "service", "$1", "upstream", "(.+)") == 1`,
    for: '2m',
    severity: 'page',
    summary: 'The gateway sends no requests to {{ $labels.service }}',
    description: 'Too many have failed, and no probe has succeeded for two minutes.',
  },
  {
    name: 'Restarts',
    expr: 'max by (service) (changes(process_start_time_seconds[15m])) > 3',
    severity: 'ticket',
    summary: '{{ $labels.service }} has restarted {{ $value }} times in 15 minutes',
    description: 'A process ends again and again, and something starts it again.',
  },
  {
    name: 'Shedding',
    expr: `${query('shed-requests', '2m')} > 0`,
    for: '5m',
    severity: 'ticket',
    summary: '{{ $labels.service }} refuses requests for load',
    description:
      '{{ $value | humanize }} requests each second are refused, by the bound {{ $labels.reason }}.',
  },
  {
    name: 'EventLoopDelayed',
    expr: `${query('event-loop-delay')} > 0.1`,
    for: '5m',
    severity: 'ticket',
    summary: 'The process of {{ $labels.service }} is late',
    description:
      'One of a hundred turns of its event loop has been late by {{ $value | humanizeDuration }} or more, for five minutes.',
  },
]

const promises: readonly Alert[] = [
  {
    name: 'PromiseBroken',
    expr: 'sum by (service, promise) (increase(quintet_promise_checks_total{result="broken"}[1h])) > 0',
    severity: 'page',
    summary: '{{ $labels.service }} has broken the promise {{ $labels.promise }}',
    description: 'A check of the last hour found data that must not be.',
  },
  {
    name: 'PromiseUnchecked',
    // Checks that are turned off are not missed.
    expr: [
      'sum by (service, promise) (increase(quintet_promise_checks_total{result=~"kept|broken"}[1h])) == 0',
      'and sum by (service, promise) (increase(quintet_promise_checks_total{result="unknown"}[1h])) > 0',
    ].join('\n'),
    for: '1h',
    severity: 'ticket',
    summary: 'The promise {{ $labels.promise }} of {{ $labels.service }} is not checked',
    description: 'It is tried, and no check had a result for two hours.',
  },
]

const messages: readonly Alert[] = [
  {
    name: 'DeadLetters',
    expr: `${query('queue-dead')} > 0`,
    for: '5m',
    severity: 'ticket',
    summary: '{{ $value }} messages of {{ $labels.queue }} could not be handled',
    description: 'They are kept with their reasons, until somebody replays or drops them.',
  },
  {
    name: 'OldMessage',
    expr: `${query('queue-oldest')} > 60`,
    for: '1m',
    severity: 'ticket',
    summary: 'A message of {{ $labels.queue }} waits',
    description: 'The oldest is {{ $value | humanizeDuration }} old, although its consumer runs.',
  },
  {
    name: 'QueueStands',
    // RabbitMQ does not report how old its messages are. A queue without a message since the start has no count of those that were consumed.
    expr: [
      `${query('queue-live')} > 0`,
      `unless on (queue) label_replace(sum by (messaging_destination_name) (rate(messaging_client_consumed_messages_total[5m])), "queue", "$1", "messaging_destination_name", "(.+)") > 0`,
    ].join('\n'),
    for: '10m',
    severity: 'ticket',
    summary: 'Nothing of {{ $labels.queue }} is handled',
    description: '{{ $value }} messages are there, and none was delivered to its consumer for ten minutes.',
  },
  {
    name: 'OutboxStuck',
    expr: `${query('outbox-oldest')} > 60`,
    for: '1m',
    severity: 'page',
    summary: 'What {{ $labels.service }} has committed is not published',
    description:
      'The oldest row of its outbox is {{ $value | humanizeDuration }} old: what was accepted takes no effect.',
  },
]

const cacheAndSecurity: readonly Alert[] = [
  {
    name: 'CacheUnused',
    expr: 'max by (service) (quintet_cache_mode) == 1 unless on (service) quintet_cache_mode{mode="on"}',
    for: '5m',
    severity: 'ticket',
    summary: '{{ $labels.service }} reads past its cache',
    description:
      'Redis is its cache, and has not been used for five minutes: responses are right, and slower.',
  },
  {
    name: 'SettlementsFail',
    expr: 'sum by (service) (increase(quintet_cache_settlements_total{result="failed"}[15m])) > 0',
    for: '15m',
    severity: 'ticket',
    summary: 'Transactions of {{ $labels.service }} do not end',
    description: 'It cannot find out whether writes have ended, so their keys are read past the cache.',
  },
  {
    name: 'CertificateEnds',
    expr: 'min by (service) (quintet_tls_certificate_end_timestamp_seconds) - time() < 14 * 86400',
    for: '1h',
    severity: 'ticket',
    summary: 'The certificate of {{ $labels.service }} ends in {{ $value | humanizeDuration }}',
    description: 'Afterwards clients refuse to connect.',
  },
  {
    name: 'LimitsDegraded',
    expr: 'max by (service) (quintet_guard_degraded) == 1',
    for: '5m',
    severity: 'ticket',
    summary: '{{ $labels.service }} counts limits otherwise than it should',
    description:
      'The server that counts them does not respond: each process counts by itself, or does what its policies have for that.',
  },
  {
    name: 'IssuerKeysOld',
    expr: 'max by (service, issuer) (quintet_auth_keys_age_seconds) > 6 * 3600',
    for: '15m',
    severity: 'ticket',
    summary: '{{ $labels.service }} cannot fetch the keys of {{ $labels.issuer }}',
    description: 'Those that it has are {{ $value | humanizeDuration }} old, and are used for a day at most.',
  },
  {
    name: 'AuditLinesLost',
    expr: 'sum by (service) (increase(quintet_audit_lines_omitted_total[15m])) > 0',
    severity: 'ticket',
    summary: '{{ $labels.service }} has lost lines of its audit log',
    description: 'They could not be written, and the log has how many are missing.',
  },
]

const telemetry: readonly Alert[] = [
  {
    name: 'TelemetryLost',
    expr: `${query('telemetry-lost', '5m')} > 0`,
    for: '15m',
    severity: 'ticket',
    summary: '{{ $labels.service }} loses traces and lines',
    description:
      '{{ $value | humanize }} each second are not kept, by the reason {{ $labels.reason }}. Requests are not affected.',
  },
  {
    name: 'TelemetryFileFull',
    expr: 'max by (service) (quintet_telemetry_bytes / quintet_telemetry_bytes_max) > 0.95',
    for: '10m',
    severity: 'ticket',
    summary: 'The file of telemetry is at its bound',
    description:
      '{{ $value | humanizePercentage }} are in use, although the oldest is forgotten at 90 %: what is new may not be kept.',
  },
]

/** By group, in the order of docs/alerts.md. */
export const alertGroups: Readonly<Record<string, readonly Alert[]>> = {
  budgets: burnAlerts,
  availability,
  promises,
  messages,
  'cache-and-security': cacheAndSecurity,
  telemetry,
}

/** Where to read what an alert means and what to do. */
export function runbookOf({ name }: Alert): string {
  return `docs/alerts.md#${name.toLowerCase()}`
}
