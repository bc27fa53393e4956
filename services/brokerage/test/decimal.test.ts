import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decimalMax,
  decimalOf,
  divideHalfEven,
  formatDecimal,
  integerOf,
  parseDecimal,
} from '../src/decimal.ts'

const anyDecimal = fc.bigInt({ min: -decimalMax, max: decimalMax })

for (const [text, millionths] of [
  ['1000', 1_000_000_000n],
  ['900.5', 900_500_000n],
  ['-0', 0n],
  ['0.000001', 1n],
  ['-0.000001', -1n],
  ['1.10', 1_100_000n],
  ['1.0000000000', 1_000_000n],
  ['1e3', 1_000_000_000n],
  ['1E+3', 1_000_000_000n],
  ['1230000e-10', 123n],
  ['1000000000e-9', 1_000_000n],
  ['0e999999999999999999', 0n],
  ['0.1', 100_000n],
  ['9007199254.740993', 9_007_199_254_740_993n],
  ['8999999999999.999999', 8_999_999_999_999_999_999n],
  ['9000000000000', decimalMax],
  ['-9000000000000', -decimalMax],
] as const)
  test(`${text} is ${millionths} millionths, exactly`, () => {
    assert.equal(parseDecimal(text), millionths)
  })

for (const text of [
  '',
  ' ',
  '1 ',
  ' 1',
  '+1',
  '01',
  '.5',
  '1.',
  '1e',
  '0x10',
  '1_000',
  '1,5',
  'NaN',
  'Infinity',
  '١',
  '1\n',
  '--1',
])
  test(`${JSON.stringify(text)} is not a number`, () => {
    assert.equal(parseDecimal(text), 'must be a number.')
  })

test('A seventh decimal is rejected in any notation, not rounded', () => {
  for (const text of [
    '0.0000001',
    '1.1234567',
    '1e-7',
    '0.5e-6',
    '123456789012.1234567',
    '1e-999999999999999',
  ])
    assert.equal(parseDecimal(text), 'must have at most 6 decimals.')
})

test('A number beyond 9,000,000,000,000 is rejected without being computed', () => {
  for (const text of [
    '9000000000000.000001',
    '-9000000000001',
    '1e13',
    '1e999999999999999999',
    '9'.repeat(100_000),
  ])
    assert.equal(parseDecimal(text), 'must be at most 9000000000000 on either side of zero.')
})

test('A formatted number parses to the same number, and is valid JSON', () => {
  fc.assert(
    fc.property(anyDecimal, (value) => {
      const text = formatDecimal(value)
      assert.equal(parseDecimal(text), value)
      assert.equal(JSON.parse(text), Number(text))
    }),
  )
})

test('A number is formatted in its shortest notation', () => {
  fc.assert(
    fc.property(anyDecimal, (value) => {
      assert.doesNotMatch(formatDecimal(value), /\.\d*0$|\.$|^-0$|^0\d|e/)
    }),
  )
})

test('All notations of a number parse to the same value, whatever their exponents', () => {
  const notZero = anyDecimal.filter((value) => value !== 0n)
  fc.assert(
    fc.property(notZero, fc.nat({ max: 30 }), (value, zeros) => {
      assert.equal(parseDecimal(`${value}${'0'.repeat(zeros)}e${-6 - zeros}`), value)
      assert.equal(
        parseDecimal(
          `${formatDecimal(value)}${formatDecimal(value).includes('.') ? '' : '.0'}${'0'.repeat(zeros)}E+0`,
        ),
        value,
      )
    }),
  )
})

test('integerOf returns the integer, and undefined for a fraction', () => {
  assert.equal(integerOf(decimalOf(7n)), 7n)
  assert.equal(integerOf(-decimalOf(7n)), -7n)
  assert.equal(integerOf(decimalOf(7n) + 1n), undefined)
})

test('A quotient is rounded to the nearest, and half to even', () => {
  for (const [dividend, divisor, quotient] of [
    [10n, 4n, 2n],
    [14n, 4n, 4n],
    [7n, 3n, 2n],
    [8n, 3n, 3n],
    [0n, 3n, 0n],
  ] as const)
    assert.equal(divideHalfEven(dividend, divisor), quotient)
  const positive = fc.bigInt({ min: 1n, max: decimalMax })
  fc.assert(
    fc.property(positive, positive, (dividend, divisor) => {
      const error = 2n * (divideHalfEven(dividend, divisor) * divisor - dividend)
      assert.ok(-divisor <= error && error <= divisor)
    }),
  )
})
