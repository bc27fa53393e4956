import type { Chart } from './chart.ts'

const group = 'Telemetry'

export const telemetryCharts: readonly Chart[] = [
  {
    name: 'telemetry-spans',
    group,
    title: 'Recorded spans',
    description: 'Of traces: some of many requests, and all that fail or are slow.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_telemetry_spans_total',
    by: ['service'],
  },
  {
    name: 'telemetry-lost',
    group,
    title: 'Lost spans and lines',
    description:
      'What could not be kept, by why: too many at a time (ring, waiting), the file, or the collector.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_telemetry_lost_total',
    by: ['service', 'reason'],
  },
  {
    name: 'telemetry-bytes',
    group,
    title: 'Size of the file',
    description: 'The bytes of telemetry.db in use. Near its bound the oldest is forgotten.',
    unit: 'bytes',
    kind: 'gauge',
    aggregate: 'max',
    metric: 'quintet_telemetry_bytes',
    by: ['service'],
  },
]
