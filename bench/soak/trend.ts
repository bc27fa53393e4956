import { tQuantile } from '../against/interval.ts'

/** How much values change from the beginning to the end, relative to their mean, with the 95 % interval. */
export type Trend = { change: number; low: number; high: number; verdict: TrendVerdict }

/** `unclear`: the interval is too wide to decide. */
type TrendVerdict = 'flat' | 'grows' | 'falls' | 'unclear'

const tolerance = 0.1
/** Values that follow each other resemble each other, which would make the interval too narrow; means of long blocks hardly do. */
const blocksCount = 10

/** The least-squares line through the means of blocks of values that were taken at regular times; at least 20 are needed. */
export function trendOf(values: readonly number[]): Trend {
  const start = (block: number) => Math.round((block * values.length) / blocksCount)
  const means = Array.from({ length: blocksCount }, (_, i) => meanOf(values.slice(start(i), start(i + 1))))
  const mean = meanOf(means)
  const center = (blocksCount - 1) / 2
  const spread = sum(means.map((_, i) => (i - center) ** 2))
  const slope = sum(means.map((value, i) => (i - center) * (value - mean))) / spread
  const residuals = sum(means.map((value, i) => (value - mean - slope * (i - center)) ** 2))
  const error = Math.sqrt(residuals / (blocksCount - 2) / spread)
  const halfWidth = tQuantile(blocksCount - 2) * error
  const relative = (perBlock: number) => (mean === 0 ? 0 : (perBlock * blocksCount) / mean)
  const trend = {
    change: relative(slope),
    low: relative(slope - halfWidth),
    high: relative(slope + halfWidth),
  }
  return { ...trend, verdict: verdictOf(trend) }
}

function verdictOf({ low, high }: Omit<Trend, 'verdict'>): TrendVerdict {
  if (low > -tolerance && high < tolerance) return 'flat'
  if (low > 0) return 'grows'
  return high < 0 ? 'falls' : 'unclear'
}

function meanOf(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
