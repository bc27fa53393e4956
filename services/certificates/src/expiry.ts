/** The validity of a certificate, in milliseconds. */
type Lifetime = { readonly notBeforeMs: number; readonly notAfterMs: number }

/**
 * The remaining part of the lifetime at which a notice is due, as divisors of the whole: a third, a tenth, a thirtieth, nothing.
 * For 90 days that is 30, 9 and 3 days before expiry, for a year about four months, five weeks and twelve days.
 */
const remainingDivisors = [3, 10, 30, Number.POSITIVE_INFINITY] as const

/** The time of the first notice after `afterMs`; undefined after the last. */
export function nextNoticeMs({ notBeforeMs, notAfterMs }: Lifetime, afterMs: number): number | undefined {
  const lifetimeMs = Math.max(0, notAfterMs - notBeforeMs)
  return remainingDivisors
    .map((divisor) => notAfterMs - Math.floor(lifetimeMs / divisor))
    .find((dueMs) => dueMs > afterMs)
}
