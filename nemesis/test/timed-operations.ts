import type { Operation } from '../history.ts'

export type Timed = readonly [value: string, from: number, to: number, outcome?: Operation['outcome']]

/** Operations of one key with these values and times, each by a client of its own. */
export function timedOperations<F extends string>(
  f: F,
  lines: readonly Timed[],
): Operation<{ readonly f: F; readonly value: string }>[] {
  return lines.map(([value, invokedAt, to, outcome = 'ok'], i) => ({
    id: i + 1,
    process: `client ${i}`,
    key: 'A',
    invokedAt,
    completedAt: outcome === 'info' ? Number.POSITIVE_INFINITY : to,
    outcome,
    call: { f, value },
    result: undefined,
  }))
}
