import type { Measurement } from '../measure.ts'
import type { RatioInterval, Verdict } from './interval.ts'
import type { Pair, Side } from './pair.ts'
import { medianOf } from '../median.ts'
import { ratioInterval, verdictOf } from './interval.ts'

export type MeasureName = 'cpu' | 'rate'

/** One measure of a row over all its pairs; `base` and `current` are medians. */
export type Estimate = RatioInterval & Record<Side, number> & { verdict: Verdict }

export type Estimates = Record<MeasureName, Estimate>

/** Smaller differences are not a reason to fail: they are within what a build of the same code on this machine may show. */
export const tolerance = 0.03

const measures = {
  cpu: { better: 'lower', read: ({ cpuUs }: Measurement) => cpuUs },
  rate: { better: 'higher', read: ({ rps }: Measurement) => rps },
} as const

export function evaluate(pairs: readonly Pair[]): Estimates {
  return { cpu: estimate(pairs, 'cpu'), rate: estimate(pairs, 'rate') }
}

/** The measures that are worse in both of two independent sets of pairs. */
export function confirmedWorse(first: Estimates, second: Estimates): MeasureName[] {
  return worseMeasures(second).filter((name) => worseMeasures(first).includes(name))
}

export function worseMeasures(estimates: Estimates): MeasureName[] {
  return (['cpu', 'rate'] as const).filter((name) => estimates[name].verdict === 'worse')
}

function estimate(pairs: readonly Pair[], name: MeasureName): Estimate {
  const { better, read } = measures[name]
  const values = pairs.map((pair) => ({
    base: geometricMean(pair.base.map(read)),
    current: geometricMean(pair.current.map(read)),
  }))
  const interval = ratioInterval(values)
  return {
    ...interval,
    base: medianOf(values.map(({ base }) => base)) ?? Number.NaN,
    current: medianOf(values.map(({ current }) => current)) ?? Number.NaN,
    verdict: verdictOf(interval, better, tolerance),
  }
}

/** The mean of logarithms, as for the ratios, so that the two measurements of a side count equally. */
function geometricMean(values: number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
