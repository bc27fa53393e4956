/** The parts of a JSON number: its value is `digits` times ten to the power of `exponent`. */
type NumberParts = {
  readonly isNegative: boolean
  /** Without leading zeros; empty for zero. */
  readonly digits: string
  readonly exponent: number
}

/** Reads the notation of a JSON number (RFC 8259, 6), in time linear in its length; undefined for any other text. */
export function readNumber(notation: string): NumberParts | undefined {
  const { sign, whole, fraction = '', exponent = '0' } = grammar.exec(notation)?.groups ?? {}
  if (whole === undefined) return undefined
  const digits = (whole + fraction).replace(/^0+/, '')
  return { isNegative: sign === '-', digits, exponent: Number(exponent) - fraction.length }
}

/** More digits than any number has that is accepted somewhere. */
const plainDigitsMax = 100
/** An amount has as many places. */
const placesMax = 6

/**
 * A JSON number is its value, so its exponent is resolved, as in `180` for `1.8e2`, and so are a fraction of zeros, zeros at the end of
 * a fraction of more than 6 digits, and the sign of zero. The other digits are kept as they were written. A number of more than 100
 * digits keeps its notation.
 */
export function plainNumber(notation: string): string {
  if (usual.test(notation)) return notation
  const number = readNumber(notation)
  if (number === undefined) return notation
  if (number.digits === '') return '0'
  const { isNegative, digits, exponent } = -number.exponent > placesMax ? withoutZeroPlaces(number) : number
  if (digits.length + Math.abs(exponent) > plainDigitsMax) return notation
  const padded = digits.padStart(1 - exponent, '0') + '0'.repeat(Math.max(0, exponent))
  const point = padded.length + Math.min(0, exponent)
  const fraction = padded.slice(point)
  const isWhole = /^0*$/.test(fraction)
  return `${isNegative ? '-' : ''}${padded.slice(0, point)}${isWhole ? '' : `.${fraction}`}`
}

/** The notation of nearly all numbers, which is plain already. */
const usual = /^(?:0|[1-9]\d{0,20})(?:\.\d{0,5}[1-9])?$/

/** The same value without zeros at the end of its fraction. */
function withoutZeroPlaces({ isNegative, digits, exponent }: NumberParts): NumberParts {
  const whole = digits.slice(0, Math.max(0, digits.length + exponent))
  const significant = whole + withoutTrailingZeros(digits.slice(whole.length))
  return { isNegative, digits: significant, exponent: exponent + digits.length - significant.length }
}

/**
 * A JavaScript number, which has about 16 digits; NaN where only their lack makes it whole, as for `1.00000000000000000001`.
 */
export function toNumber(notation: string): number {
  const value = Number(notation)
  return Number.isInteger(value) && !isWhole(notation) ? Number.NaN : value
}

function isWhole(notation: string): boolean {
  const { digits = '', exponent = 0 } = readNumber(notation) ?? {}
  return digits === '' || exponent + digits.length - withoutTrailingZeros(digits).length >= 0
}

/** Equal for equal values: the decimal number, which has no exponent, without zeros at the end of its fraction. */
export function shortestDecimal(decimal: string | number): string {
  const [whole = '', fraction = ''] = String(decimal).split('.')
  const significant = withoutTrailingZeros(fraction)
  return significant === '' ? whole : `${whole}.${significant}`
}

const grammar = /^(?<sign>-?)(?<whole>0|[1-9]\d*)(?:\.(?<fraction>\d+))?(?:[eE](?<exponent>[+-]?\d+))?$/

/** Not by an expression: one would begin at each zero, in time quadratic in the length of a client's number. */
export function withoutTrailingZeros(digits: string): string {
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end -= 1
  return digits.slice(0, end)
}
