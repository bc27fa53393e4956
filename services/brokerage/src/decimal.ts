import { readNumber, withoutTrailingZeros } from '@quintet/chassis/json'

/** An exact decimal number with at most six decimals, as a count of millionths. */
export type Decimal = bigint

export const decimalsMax = 6
const scale = 10n ** BigInt(decimalsMax)

/** The largest absolute value of any number, so that each fits into 64 bits. */
export const decimalMax: Decimal = 9_000_000_000_000n * scale

/** Parses JSON's notation of a number exactly; returns what is wrong with it, to be appended to its name, if it is not one. */
export function parseDecimal(text: string): Decimal | string {
  const number = readNumber(text)
  if (number === undefined) return 'must be a number.'
  const { digits, exponent, isNegative } = number
  if (digits === '') return 0n
  const significant = withoutTrailingZeros(digits)
  const shift = exponent + (digits.length - significant.length) + decimalsMax
  if (shift < 0) return `must have at most ${decimalsMax} decimals.`
  if (significant.length + shift > digitsMax) return tooLarge
  const value = BigInt(significant) * 10n ** BigInt(shift)
  if (value > decimalMax) return tooLarge
  return isNegative ? -value : value
}

/** The shortest notation of the exact number, which is a JSON number too. */
export function formatDecimal(value: Decimal): string {
  const magnitude = value < 0n ? -value : value
  const fraction = magnitude % scale
  const sign = value < 0n ? '-' : ''
  if (fraction === 0n) return `${sign}${magnitude / scale}`
  return `${sign}${magnitude / scale}.${withoutTrailingZeros(String(fraction).padStart(decimalsMax, '0'))}`
}

export function decimalOf(integer: bigint): Decimal {
  return integer * scale
}

/** The integer that a decimal equals; undefined when it has a fraction. */
export function integerOf(value: Decimal): bigint | undefined {
  return value % scale === 0n ? value / scale : undefined
}

/** The quotient of two non-negative numbers, rounded half to even. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  const twice = (dividend % divisor) * 2n
  const isUp = twice > divisor || (twice === divisor && quotient % 2n === 1n)
  return isUp ? quotient + 1n : quotient
}

const digitsMax = String(decimalMax).length
const tooLarge = `must be at most ${formatDecimal(decimalMax)} on either side of zero.`
