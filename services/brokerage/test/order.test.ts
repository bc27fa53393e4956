import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decimalMax, decimalOf } from '../src/decimal.ts'
import {
  apply,
  averageCost,
  isWithinDuplicateWindow,
  isSameContent,
  evaluate,
  duplicateKey,
  positionsMax,
} from '../src/order.ts'
import type { Account, OrderConditions, Order } from '../src/order.ts'
import { buyOrder } from './buy-order.ts'

const account: Account = {
  id: 1,
  version: 1,
  sequence: 1,
  cash: decimalOf(1000n),
  owner: null,
  lastTimestampMs: undefined,
  checkpoint: undefined,
  positions: new Map(),
}

const buy = buyOrder

const open: OrderConditions = { isMarketOpen: true, isDuplicate: false }
const rules = (order: Partial<Order>, conditions = open, on: Account = account) =>
  evaluate(on, { ...buy, ...order }, conditions).map(({ rule }) => rule)
const sentences = (order: Partial<Order>, on: Account = account) =>
  evaluate(on, { ...buy, ...order }, open)[0]?.sentences

test('An order that breaks no rule is accepted, with its operation in either case', () => {
  for (const operation of ['BUY', 'buy', 'Buy']) assert.deepEqual(rules({ operation }), [])
})

test('Everything that makes an operation invalid is reported at once, and the other rules are not checked', () => {
  const nothing = { operation: 'HOLD', issuer: '  ', shares: -1n, price: 0n, timestampMs: 2_000_000 }
  const closed = { isMarketOpen: false, isDuplicate: true }
  assert.deepEqual(evaluate(account, { ...buy, ...nothing }, closed), [
    {
      rule: 'INVALID_OPERATION',
      sentences: {
        operation: 'operation must be BUY or SELL.',
        issuer_name: 'issuer_name must not be blank.',
        total_shares: 'total_shares must be a positive integer.',
        share_price: 'share_price must be positive.',
        timestamp: 'timestamp must not lie in the future.',
      },
    },
  ])
})

for (const [what, order] of [
  ['an operation with white space around it', { operation: ' BUY' }],
  ['an empty operation', { operation: '' }],
  ['an empty issuer', { issuer: '' }],
  ['an issuer with white space around it', { issuer: 'AAPL ' }],
  ['zero shares', { shares: 0n }],
  ['a fraction of a share', { shares: decimalOf(1n) + 1n }],
  ['a negative number of shares', { shares: decimalOf(-2n) }],
  ['a price of zero', { price: 0n }],
  ['a negative price', { price: -1n }],
  ['a timestamp one millisecond in the future', { timestampMs: 1_000_001 }],
] as const)
  test(`${what} is an invalid operation`, () => {
    assert.deepEqual(rules(order), ['INVALID_OPERATION'])
  })

test('Only an order that must be in sequence needs a later timestamp than the last one', () => {
  const later = { ...account, lastTimestampMs: 1_000_000 }
  assert.deepEqual(rules({}, open, later), [])
  assert.deepEqual(rules({ isInSequence: true }, open, later), ['INVALID_OPERATION'])
  assert.deepEqual(rules({ isInSequence: true, timestampMs: 999_999 }, open, later), ['INVALID_OPERATION'])
  const next = { isInSequence: true, timestampMs: 1_000_001, receivedMs: 1_000_001 }
  assert.deepEqual(rules(next, open, later), [])
})

test('All other broken rules are reported, in the order of the rules', () => {
  const closed = { isMarketOpen: false, isDuplicate: true }
  assert.deepEqual(rules({ price: decimalOf(501n) }, closed), [
    'CLOSED_MARKET',
    'DUPLICATED_OPERATION',
    'INSUFFICIENT_BALANCE',
  ])
  assert.deepEqual(rules({ operation: 'SELL' }, closed), [
    'CLOSED_MARKET',
    'DUPLICATED_OPERATION',
    'INSUFFICIENT_STOCKS',
  ])
})

test('All of the cash can be spent, but not a millionth more', () => {
  assert.deepEqual(rules({ price: decimalOf(500n) }), [])
  assert.deepEqual(rules({ price: decimalOf(500n) + 1n }), ['INSUFFICIENT_BALANCE'])
})

test('All of the shares can be sold, but not one more; issuers that differ in case are different', () => {
  const after = apply(account, buy)
  assert.deepEqual(rules({ operation: 'SELL' }, open, after), [])
  assert.deepEqual(rules({ operation: 'SELL', shares: decimalOf(3n) }, open, after), ['INSUFFICIENT_STOCKS'])
  assert.deepEqual(rules({ operation: 'SELL', issuer: 'aapl' }, open, after), ['INSUFFICIENT_STOCKS'])
})

test('A purchase subtracts cash and adds shares; a sale does the opposite and sets the price', () => {
  const bought = apply(account, buy)
  assert.equal(bought.cash, decimalOf(900n))
  const sold = apply(bought, { ...buy, operation: 'sell', shares: decimalOf(1n), price: decimalOf(70n) })
  assert.equal(sold.cash, decimalOf(970n))
  assert.deepEqual(sold.positions.get('AAPL'), {
    shares: 1n,
    price: decimalOf(70n),
    cost: decimalOf(50n),
    since: 1,
  })
  assert.equal(sold.version, 3)
  assert.equal(account.positions.size, 0)
})

test('A position that reaches zero is removed, and one that is reopened is listed last', () => {
  const first = apply(account, buy)
  const second = apply({ ...first, sequence: 2 }, { ...buy, issuer: 'MSFT' })
  const closed = apply({ ...second, sequence: 3 }, { ...buy, operation: 'SELL' })
  assert.deepEqual([...closed.positions.keys()], ['MSFT'])
  const again = apply({ ...closed, sequence: 4 }, buy)
  assert.deepEqual(
    [...again.positions],
    [...second.positions]
      .toReversed()
      .map(([issuer, position]) => [issuer, issuer === 'AAPL' ? { ...position, since: 4 } : position]),
  )
})

test('The average cost is that of the purchases, and a sale leaves it unchanged', () => {
  const bought = [10n, 11n, 11n].reduce(
    (account, price) => apply(account, { ...buy, shares: decimalOf(1n), price: decimalOf(price) }),
    account,
  )
  const position = bought.positions.get('AAPL')
  assert.equal(position && averageCost(position), 10_666_667n)
  const sold = apply(bought, { ...buy, operation: 'SELL', shares: decimalOf(1n), price: decimalOf(99n) })
  const left = sold.positions.get('AAPL')
  assert.equal(left?.cost, 21_333_333n)
  assert.equal(left && averageCost(left), 10_666_666n)
})

test('Orders are duplicates when operation, issuer and shares are equal and they are less than 300 seconds apart', () => {
  for (const other of [{ operation: 'SELL' }, { issuer: 'MSFT' }, { shares: decimalOf(3n) }])
    assert.notEqual(duplicateKey({ ...buy, ...other }), duplicateKey(buy))
  assert.equal(duplicateKey({ ...buy, operation: 'buy', price: 1n }), duplicateKey(buy))
  for (const [apartMs, expected] of [
    [0, true],
    [299_999, true],
    [-299_999, true],
    [300_000, false],
    [-300_000, false],
  ] as const)
    assert.equal(
      isWithinDuplicateWindow({ ...buy, timestampMs: buy.timestampMs + apartMs }, buy),
      expected,
      String(apartMs),
    )
  const byArrival = { ...buy, duplicatesBy: 'server' as const, timestampMs: 0 }
  assert.ok(isWithinDuplicateWindow(byArrival, buy))
})

const otherArrival: Partial<Order> = { receivedMs: 5, hoursBy: 'server', clientOrderId: 'one' }

test('Two orders have the same content when all but their arrival is equal', () => {
  assert.ok(isSameContent(buy, { ...buy, operation: 'buy', ...otherArrival }))
  for (const other of [
    { operation: 'SELL' },
    { issuer: 'X' },
    { shares: 1n },
    { price: 1n },
    { timestampMs: 1 },
  ])
    assert.ok(!isSameContent(buy, { ...buy, ...other }))
})

test('An order whose result would exceed the limit of exact numbers is an invalid operation', () => {
  const rich = { ...account, cash: decimalMax }
  const holding = apply(rich, { ...buy, shares: decimalOf(9_000_000_000_000n), price: 1n })
  assert.deepEqual(sentences({ shares: decimalOf(1n) }, holding), {
    total_shares: 'The position would exceed the limit of shares or of cost.',
  })
  assert.deepEqual(sentences({ operation: 'SELL', shares: decimalOf(1n), price: decimalMax }, holding), {
    share_price: 'The cash of the account would exceed the limit.',
  })
  const costly = { shares: 5n, price: 1n, cost: decimalMax, since: 1 }
  const expensive = { ...account, positions: new Map([['AAPL', costly]]) }
  assert.deepEqual(rules({}, open, expensive), ['INVALID_OPERATION'])
})

test('An account holds shares of at most 1000 issuers, and may still trade in those', () => {
  const some = { shares: 1n, price: 1n, cost: 1n, since: 1 }
  const issuers = Array.from({ length: positionsMax }, (_, i) => [`issuer-${i}`, some] as const)
  const full = { ...account, positions: new Map(issuers) }
  assert.deepEqual(rules({}, open, full), ['INVALID_OPERATION'])
  assert.deepEqual(rules({ issuer: 'issuer-7' }, open, full), [])
  assert.deepEqual(rules({ issuer: 'issuer-7', operation: 'SELL', shares: decimalOf(1n) }, open, full), [])
})
