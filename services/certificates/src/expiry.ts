/** When a certificate begins and ends, in milliseconds. */
export type Lifetime = { readonly notBeforeMs: number; readonly notAfterMs: number }

/**
 * What may be left of a lifetime when a notice is due, as divisors of the whole: a third, a tenth, a thirtieth, nothing. For 90
 * days that is 30, 9 and 3 days before the end, for a year about four months, five weeks and twelve days; a day has its as well.
 */
const leftOfLifetime = [3, 10, 30, Number.POSITIVE_INFINITY] as const

/** When the first notice after `afterMs` is due; undefined when all have been. */
export function nextNoticeMs({ notBeforeMs, notAfterMs }: Lifetime, afterMs: number): number | undefined {
  const lifetimeMs = Math.max(0, notAfterMs - notBeforeMs)
  return leftOfLifetime
    .map((divisor) => notAfterMs - Math.floor(lifetimeMs / divisor))
    .find((dueMs) => dueMs > afterMs)
}
