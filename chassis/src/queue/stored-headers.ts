/**
 * Values of headers in which an adapter stores attempts and failures. Whoever can publish can set these headers too, so a value
 * that no adapter writes is undefined.
 */

const countMax = 1_000
const timeMaxMs = 8_640_000_000_000_000
const textLengthMax = 500

/** A whole number from 1 to 1,000. */
export function countFrom(value: unknown): number | undefined {
  return isNumberWithin(value, 1, countMax) ? value : undefined
}

/** Milliseconds since 1970 that a `Date` can represent. */
export function timeFrom(value: unknown): number | undefined {
  return isNumberWithin(value, 0, timeMaxMs) ? value : undefined
}

/** A text, without what exceeds 500 characters. */
export function textFrom(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, textLengthMax) : undefined
}

function isNumberWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}
