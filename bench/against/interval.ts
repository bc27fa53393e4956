/** One value of each side, measured close together. */
type ValuePair = { base: number; current: number }

/** `ratio` is current to base; the interval from `low` to `high` contains the true ratio with 95 % confidence. */
export type RatioInterval = { ratio: number; low: number; high: number }

/** `equal`: the whole interval is within the tolerance of 1. `unclear`: the interval is too wide to decide. */
export type Verdict = 'worse' | 'better' | 'equal' | 'unclear' | 'not measured'

/** Two-sided 95 % quantiles of Student's t distribution for 1 to 30 degrees of freedom; more use the last, which is safe. */
const tQuantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** The geometric mean of the pairs' ratios, with Student's t interval on the logarithms of the ratios. */
export function ratioInterval(pairs: readonly ValuePair[]): RatioInterval {
  const logs = pairs.map(({ base, current }) => Math.log(current / base))
  const mean = meanOf(logs)
  const halfWidth = tQuantile(logs.length - 1) * standardError(logs)
  return { ratio: Math.exp(mean), low: Math.exp(mean - halfWidth), high: Math.exp(mean + halfWidth) }
}

/** Worse and better only if the whole interval differs from 1 by more than the tolerance. */
export function verdictOf(interval: RatioInterval, better: 'higher' | 'lower', tolerance: number): Verdict {
  const { low, high } = better === 'higher' ? interval : inverse(interval)
  const [lower, upper] = [1 / (1 + tolerance), 1 + tolerance]
  if (Number.isNaN(low) || Number.isNaN(high)) return 'not measured'
  if (high < lower) return 'worse'
  if (low > upper) return 'better'
  return low >= lower && high <= upper ? 'equal' : 'unclear'
}

function inverse({ ratio, low, high }: RatioInterval): RatioInterval {
  return { ratio: 1 / ratio, low: 1 / high, high: 1 / low }
}

/** Of the 95 % interval, on two sides. */
export function tQuantile(degreesOfFreedom: number): number {
  return tQuantiles[Math.min(degreesOfFreedom, tQuantiles.length) - 1] ?? Number.NaN
}

function standardError(values: readonly number[]): number {
  const mean = meanOf(values)
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
