import type { Sample } from './measure.ts'
import { medianOf } from './median.ts'

/** A row of the report: medians over its rounds. A row that could not be measured has zeros and a `failure`. */
export type Result = {
  name: string
  rps: number
  /** To bare node:http measured right before and after the row, like every ratio here. */
  ratio: number
  p50_ms: number
  p99_ms: number
  rss_mb: number | null
  errors: number
  /** To the median p99 of bare node:http over all rounds, since each of its measurements is short. */
  p99_ratio: number | null
  /** CPU time of the servers per request, and bare node:http's divided by it. Other processes disturb it less than a rate. */
  cpu_us: number | null
  cpu_ratio: number | null
  answer_bytes: number
  /** CPU time used by other processes, in cores. Medians are over the rounds with little of it, if there are any. */
  foreign_cores: number | null
  quiet_rounds: number
  failure?: string
}

const foreignCoresMax = 0.2

export function toResult(name: string, samples: Sample[], failure?: string): Result {
  const quiet = samples.filter((sample) => !(foreignCoresOf(sample) > foreignCoresMax))
  const counted = quiet.length > 0 ? quiet : samples
  const median = (digits: number, value: (sample: Sample) => number) =>
    round(medianOf(counted.map(value)), digits)
  const referenceP99Ms =
    medianOf(counted.flatMap(({ references }) => references.map(({ p99Ms }) => p99Ms))) ?? Number.NaN
  return {
    name,
    rps: median(0, ({ row }) => row.rps) ?? 0,
    ratio: median(3, ({ row, references }) => row.rps / mean(references, 'rps')) ?? 0,
    p50_ms: median(2, ({ row }) => row.p50Ms) ?? 0,
    p99_ms: median(2, ({ row }) => row.p99Ms) ?? 0,
    rss_mb: round(medianOf(samples.slice(-1).map(({ row }) => row.rssMb)), 0),
    errors: samples.reduce((sum, { row }) => sum + row.errors, failure === undefined ? 0 : 1),
    p99_ratio: median(2, ({ row }) => row.p99Ms / referenceP99Ms),
    cpu_us: median(1, ({ row }) => row.cpuUs),
    cpu_ratio: median(3, ({ row, references }) => mean(references, 'cpuUs') / row.cpuUs),
    answer_bytes: median(0, ({ row }) => row.bytes) ?? 0,
    foreign_cores: round(medianOf(samples.map(foreignCoresOf)), 2),
    quiet_rounds: quiet.length,
    ...(failure === undefined ? {} : { failure }),
  }
}

/** A disturbed reference distorts a ratio as much as a disturbed row. */
function foreignCoresOf({ row, references }: Sample): number {
  return Math.max(row.foreignCores, ...references.map(({ foreignCores }) => foreignCores))
}

function mean([before, after]: Sample['references'], member: 'rps' | 'cpuUs'): number {
  return (before[member] + after[member]) / 2
}

function round(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toFixed(digits))
}
