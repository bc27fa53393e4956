import type { Chart } from './chart.ts'

const group = 'Commits and cache'
const operations = 'db_client_operation_duration_seconds'
const units = 'quintet_commit_units'
const reads = 'quintet_cache_reads_total'

export const storageCharts: readonly Chart[] = [
  {
    name: 'database-operations',
    group,
    title: 'Operations on databases',
    description: 'By name: SELECT and COMMIT of SQL, or those of the engine.',
    unit: 'per second',
    kind: 'rate',
    metric: `${operations}_count`,
    by: ['service', 'db_operation_name'],
  },
  {
    name: 'database-duration-p95',
    group,
    title: 'Duration of operations, 95 %',
    description:
      '95 of 100 operations take at most so long, with the wait for a connection or a shared commit. Where it grows, look at the disk or the server.',
    unit: 'seconds',
    kind: 'quantile',
    quantile: 0.95,
    metric: `${operations}_bucket`,
    by: ['service', 'db_operation_name'],
  },
  {
    name: 'commits',
    group,
    title: 'Commits',
    description: 'Each has one wait for the disk.',
    unit: 'per second',
    kind: 'rate',
    metric: `${units}_count`,
    by: ['service'],
  },
  {
    name: 'units-per-commit',
    group,
    title: 'Units per commit',
    description: 'How many writes share a wait for the disk. It grows with the load, and that is good.',
    unit: 'count',
    kind: 'ratio',
    metric: `${units}_sum`,
    over: { metric: `${units}_count` },
    by: ['service'],
  },
  {
    name: 'commits-waiting',
    group,
    title: 'Units that wait for a commit',
    description:
      'Writes that are not durable yet. Where it only grows, the disk or the server does not keep up.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'quintet_commits_waiting',
    by: ['service'],
  },
  {
    name: 'cache-reads',
    group,
    title: 'Reads of the cache',
    description:
      'By result: hit, miss, wait (for the load of another reader), busy (during a write), bypass (read past it).',
    unit: 'per second',
    kind: 'rate',
    metric: reads,
    by: ['service', 'result'],
  },
  {
    name: 'cache-hits',
    group,
    title: 'Hits of the cache',
    description:
      'The share of reads that it responds to by itself. It is low after a start, and where each thing is read once.',
    unit: 'share',
    kind: 'ratio',
    metric: reads,
    where: [['result', '=', 'hit']],
    over: { metric: reads },
    by: ['service'],
  },
  {
    name: 'cache-write-failures',
    group,
    title: 'Failed writes to the cache',
    description:
      'The cache does not respond: it is read past until it does, so responses stay right and become slower.',
    unit: 'per second',
    kind: 'rate',
    metric: 'quintet_cache_writes_total',
    where: [['result', '=', 'failed']],
    by: ['service'],
  },
  {
    name: 'cache-entries',
    group,
    title: 'Entries of caches in processes',
    description: 'A cache on a server has its own figures.',
    unit: 'count',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'quintet_cache_entries',
    by: ['service'],
  },
  {
    name: 'cache-bytes',
    group,
    title: 'Memory of caches in processes',
    description: 'An estimate that is never too low; it has a bound.',
    unit: 'bytes',
    kind: 'gauge',
    aggregate: 'sum',
    metric: 'quintet_cache_bytes',
    by: ['service'],
  },
]
