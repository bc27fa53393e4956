import type { ChartList, ChartSummary, Series } from '@quintet/console/wire'

const services = ['guid', 'brokerage', 'certificates', 'inventory', 'billing', 'gateway']
type Wave = { readonly lines: readonly string[]; readonly base: number; readonly swing: number }
type Chart = ChartSummary & { readonly wave: Wave }

function chart(
  group: string,
  name: string,
  title: string,
  unit: ChartSummary['unit'],
  description: string,
  promql: string,
  wave: Wave,
): Chart {
  return { group, name, title, unit, description, promql, wave }
}

const known: readonly Chart[] = [
  chart(
    'Requests',
    'requests',
    'Requests',
    'per second',
    'Requests of each service. A fall to zero while clients are there is an outage.',
    'sum by (service) (rate(http_server_request_duration_seconds_count[1m]))',
    { lines: services, base: 180, swing: 70 },
  ),
  chart(
    'Requests',
    'errors',
    'Errors',
    'share',
    'Responses of 500 or above among all. Open a dot, or the traces of the same time with the filter “error”.',
    'sum by (service) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[1m])) / sum by (service) (rate(http_server_request_duration_seconds_count[1m]))',
    { lines: services, base: 0.0002, swing: 0.0002 },
  ),
  chart(
    'Requests',
    'p95',
    'Duration, 95 %',
    'seconds',
    'Within this time 95 of 100 requests are responded to. When it rises, compare with the wait for commits below.',
    'histogram_quantile(0.95, sum by (service, le) (rate(http_server_request_duration_seconds_bucket[1m])))',
    { lines: services, base: 0.012, swing: 0.006 },
  ),
  chart(
    'Queues',
    'queue-live',
    'Messages that wait',
    'count',
    'Live messages of each queue. They grow while its consumer is stopped or too slow.',
    'sum by (queue) (quintet_queue_messages{state="live"})',
    { lines: ['guid.commands', 'certificates.notifications', 'billing_queue'], base: 6, swing: 5 },
  ),
  chart(
    'Queues',
    'queue-dead',
    'Dead letters',
    'count',
    'Messages that failed too often. Look at their reasons on the page of the queue.',
    'sum by (queue) (quintet_queue_messages{state="dead"})',
    { lines: ['billing_queue'], base: 24, swing: 3 },
  ),
  chart(
    'Process',
    'event-loop',
    'Delay of the event loop, 99 %',
    'seconds',
    'How late the process is with what it has to do. Above 0.1 s every request waits.',
    'max by (service) (nodejs_eventloop_lag_p99_seconds)',
    { lines: ['process'], base: 0.014, swing: 0.006 },
  ),
  chart(
    'Process',
    'memory',
    'Memory',
    'bytes',
    'Resident memory of the process. A line that rises for days is a leak.',
    'max by (service) (process_resident_memory_bytes)',
    { lines: ['process'], base: 186e6, swing: 9e6 },
  ),
  chart(
    'Databases',
    'commit-units',
    'Units of a commit',
    'count',
    'How many units share one commit, on average. It grows with the load, and each costs less.',
    'sum by (service) (rate(quintet_commit_units_sum[1m])) / sum by (service) (rate(quintet_commit_units_count[1m]))',
    { lines: services.slice(0, 5), base: 4, swing: 2 },
  ),
]

export function charts(): ChartList {
  return { data: known.map(({ wave: _, ...summary }) => summary) }
}

export function series(name: string, from: number, to: number, step: number): Series | undefined {
  const found = known.find((other) => other.name === name)
  if (found === undefined) return undefined
  const at: number[] = []
  for (let time = Math.ceil(from / (step * 1000)) * step * 1000; time <= to; time += step * 1000)
    at.push(time)
  const { lines, base, swing } = found.wave
  return {
    name,
    unit: found.unit,
    at,
    lines: lines.map((label, index) => ({
      label,
      values: at.map((time) => valueAt(time, to, base / (1 + index * 0.6), swing / (1 + index * 0.4), index)),
    })),
    exemplars:
      name === 'p95'
        ? [0.21, 0.48, 0.83].map((share, index) => ({
            at: from + (to - from) * share,
            value: base * (1.4 + index * 0.2),
            traceId: `4bf92f3577b34da6a3ce929d0e0e473${index}`,
          }))
        : [],
  }
}

/** Two waves and a little noise, which is the same for the same time; the last line has a gap where its service was stopped. */
function valueAt(time: number, to: number, base: number, swing: number, index: number): number | null {
  const ago = (to - time) / 60_000
  if (index === 4 && ago > 12 && ago < 14.5) return null
  const noise = Math.sin(ago * 12.9898 + index * 78.233) * 43_758.5453
  const wave = Math.sin(ago / 9 + index) * 0.6 + Math.sin(ago / 3.1 + index * 2) * 0.25
  return Math.max(0, base + swing * (wave + (noise - Math.floor(noise) - 0.5) * 0.3))
}
