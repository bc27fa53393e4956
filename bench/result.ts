import type { Sample } from './measure.ts'

/** A row of the report: medians over its rounds. A row that could not be measured has zeros and a `failure`. */
export type Result = {
  name: string
  rps: number
  /** To the floor measured right beside the row, as all the ratios here are. */
  ratio: number
  p50_ms: number
  p99_ms: number
  rss_mb: number | null
  errors: number
  /** To the median of the floors beside the row, since one of these alone is short. */
  p99_ratio: number | null
  /** Processor time of the servers per request, and the floor's by it: neighbours disturb it less than a rate. */
  cpu_us: number | null
  cpu_ratio: number | null
  answer_bytes: number
  /** Processor time that others took, in cores. The medians are over the rounds with little of it, if there are any. */
  foreign_cores: number | null
  quiet_rounds: number
  failure?: string
}

const foreignCoresMax = 0.2

export function toResult(name: string, samples: Sample[], failure?: string): Result {
  const quiet = samples.filter((sample) => !(noiseOf(sample) > foreignCoresMax))
  const counted = quiet.length > 0 ? quiet : samples
  const median = (digits: number, value: (sample: Sample) => number) =>
    round(medianOf(counted.map(value)), digits)
  const floorP99Ms = medianOf(counted.flatMap(({ floors }) => floors.map(({ p99Ms }) => p99Ms))) ?? Number.NaN
  return {
    name,
    rps: median(0, ({ row }) => row.rps) ?? 0,
    ratio: median(3, ({ row, floors }) => row.rps / mean(floors, 'rps')) ?? 0,
    p50_ms: median(2, ({ row }) => row.p50Ms) ?? 0,
    p99_ms: median(2, ({ row }) => row.p99Ms) ?? 0,
    rss_mb: round(medianOf(samples.slice(-1).map(({ row }) => row.rssMb)), 0),
    errors: samples.reduce((sum, { row }) => sum + row.errors, failure === undefined ? 0 : 1),
    p99_ratio: median(2, ({ row }) => row.p99Ms / floorP99Ms),
    cpu_us: median(1, ({ row }) => row.cpuUs),
    cpu_ratio: median(3, ({ row, floors }) => mean(floors, 'cpuUs') / row.cpuUs),
    answer_bytes: median(0, ({ row }) => row.bytes) ?? 0,
    foreign_cores: round(medianOf(samples.map(noiseOf)), 2),
    quiet_rounds: quiet.length,
    ...(failure === undefined ? {} : { failure }),
  }
}

/** The middle one of those that could be measured. */
export function medianOf(values: number[]): number | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

/** A disturbed floor spoils a ratio as much as a disturbed row. */
function noiseOf({ row, floors }: Sample): number {
  return Math.max(row.foreignCores, ...floors.map(({ foreignCores }) => foreignCores))
}

function mean([before, after]: Sample['floors'], member: 'rps' | 'cpuUs'): number {
  return (before[member] + after[member]) / 2
}

function round(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toFixed(digits))
}
