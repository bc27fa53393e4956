import type { Series } from '../../src/wire/index.ts'

/**
 * What clients may expect of each service over 30 days: the share of requests that may fail, and the share that may take longer. The
 * alerts and dashboards of deploy/observability are made of it.
 */
export const objectives = { errorBudget: 0.001, latencyBudget: 0.01, latencySeconds: 0.25 } as const

/** The share of requests that must not fail. */
export const objective = 1 - objectives.errorBudget

export type Budget = {
  readonly service: string
  readonly requests: number
  /** Of its responses, those below 500. */
  readonly succeeded: number
  /** Of the failures that the objective permits, how many are left; below 0 where there have been more. */
  readonly left: number
}

/** What is left of the error budget of each service, from its requests and the share of them that failed. */
export function budgetsOf(requests: Series, errors: Series): readonly Budget[] {
  const stepSeconds = ((requests.at[1] ?? 0) - (requests.at[0] ?? 0)) / 1_000
  return requests.lines.flatMap(({ label, values }) => {
    const shares = errors.lines.find((line) => line.label === label)?.values ?? []
    const all = values.reduce<number>((sum, rate) => sum + (rate ?? 0), 0)
    if (all === 0) return []
    const failed = values.reduce<number>((sum, rate, index) => sum + (rate ?? 0) * (shares[index] ?? 0), 0)
    const failedShare = failed / all
    return [
      {
        service: label,
        requests: all * stepSeconds,
        succeeded: 1 - failedShare,
        left: 1 - failedShare / objectives.errorBudget,
      },
    ]
  })
}
