import type { Chart } from './chart.ts'

const group = 'Runtime'

/** What is of a process is exported once: by the gateway where it runs in it, otherwise by the first of its services. */
export const runtimeCharts: readonly Chart[] = [
  {
    name: 'event-loop-delay',
    group,
    title: 'Delay of the event loop, 99 %',
    description:
      'How late the process comes to what is due. Over 0.1 s all of its requests are slow: it needs more CPU time, or something computes for long.',
    unit: 'seconds',
    kind: 'gauge',
    aggregate: 'max',
    metric: 'nodejs_eventloop_lag_p99_seconds',
    by: ['service'],
  },
  {
    name: 'event-loop-utilization',
    group,
    title: 'Utilization of the event loop',
    description: 'The share of the time in which the event loop was not idle. Near 1, add processes.',
    unit: 'share',
    kind: 'gauge',
    aggregate: 'max',
    metric: 'nodejs_eventloop_utilization',
    by: ['service'],
  },
  {
    name: 'cpu',
    group,
    title: 'CPU time',
    description: 'Of one core, with the threads of databases and telemetry; several cores are more than 1.',
    unit: 'share',
    kind: 'rate',
    metric: 'process_cpu_seconds_total',
    by: ['service'],
  },
  {
    name: 'garbage-collection',
    group,
    title: 'Garbage collection',
    description:
      'The share of the time that it takes. Over a tenth, the heap is too small for what it holds.',
    unit: 'share',
    kind: 'rate',
    metric: 'nodejs_gc_duration_seconds_sum',
    by: ['service'],
  },
  {
    name: 'heap',
    group,
    title: 'Heap in use',
    description: 'Memory of objects. Where its lowest points grow for hours, something is never freed.',
    unit: 'bytes',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'nodejs_heap_size_used_bytes',
    by: ['service'],
  },
  {
    name: 'resident-memory',
    group,
    title: 'Resident memory',
    description: 'Memory of the process, as the system counts it.',
    unit: 'bytes',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'process_resident_memory_bytes',
    by: ['service'],
  },
  {
    name: 'open-files',
    group,
    title: 'Open descriptors',
    description: 'Files and connections, on Linux. The limit of the process is process_max_fds.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'process_open_fds',
    by: ['service'],
  },
]
