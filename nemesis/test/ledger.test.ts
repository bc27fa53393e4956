import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkLedger } from '../checkers/ledger.ts'
import type { Account, AccountSpecification, Entry, OrderOperation } from '../checkers/ledger.ts'

/** Orders of a simple account: `shares` are bought for a unit each, or sold if negative. */
type Order = { readonly shares: number }

const opening = 10n

function specification(): AccountSpecification<Order> {
  let cash = opening
  let owned = 0
  return {
    place({ shares }) {
      if (BigInt(shares) > cash) return ['too little cash']
      if (owned + shares < 0) return ['too few shares']
      cash -= BigInt(shares)
      owned += shares
      return []
    },
    cash: () => cash,
    shares: () => ({ ACME: owned }),
  }
}

type Line = { shares: number; from: number; effect: number; takes: number; isLost: boolean }

/** What a correct account does with orders that take effect at their times. */
function run(lines: readonly Line[]): { operations: OrderOperation<Order>[]; account: Account<Order> } {
  const rules = specification()
  const orders: { id: string; order: Order; errors: readonly string[] }[] = []
  const entries: Entry[] = [{ amount: opening, cash: opening, shares: 0 }]
  const placed = lines.map((line, i) => ({
    ...line,
    id: `o${i}`,
    at: line.from + Math.min(line.effect, line.takes),
  }))
  const operations = placed
    .toSorted((one, other) => one.at - other.at)
    .map(({ id, shares, from, takes, isLost }, i): OrderOperation<Order> => {
      const errors = rules.place({ shares })
      orders.push({ id, order: { shares }, errors })
      const cash = rules.cash()
      if (errors.length === 0) entries.push({ amount: BigInt(-shares), cash, issuer: 'ACME', shares })
      return {
        id: i + 1,
        process: id,
        key: 'account 1',
        invokedAt: from,
        completedAt: isLost ? Number.POSITIVE_INFINITY : from + takes,
        outcome: isLost ? 'info' : 'ok',
        call: { f: 'order', id, idempotencyKey: `key of ${id}`, order: { shares } },
        result: isLost ? undefined : { errors, cash },
      }
    })
  return { operations, account: { opening, cash: rules.cash(), shares: rules.shares(), orders, entries } }
}

const simple = run([
  { shares: 4, from: 0, effect: 0, takes: 1, isLost: false },
  { shares: -2, from: 2, effect: 0, takes: 1, isLost: false },
  { shares: 20, from: 4, effect: 0, takes: 1, isLost: false },
  { shares: 1, from: 6, effect: 0, takes: 1, isLost: false },
])

type Change = (ledger: typeof simple) => typeof simple
const withAccount = (change: Partial<Account<Order>>): typeof simple => ({
  ...simple,
  account: { ...simple.account, ...change },
})
const { orders, entries } = simple.account

const wrong: Readonly<Record<string, readonly [Change, RegExp]>> = {
  'the cash is not the sum of the entries': [
    () => withAccount({ cash: 8n }),
    /sum up to 7, but the cash is 8/,
  ],
  'the shares are not the sum of the entries': [
    () => withAccount({ shares: { ACME: 4 } }),
    /sum up to 3 shares of ACME, but there are 4/,
  ],
  'an entry is lost': [
    () => withAccount({ entries: entries.toSpliced(2, 1) }),
    /but the entries up to it sum up to/,
  ],
  'an entry is repeated': [
    () => withAccount({ entries: [...entries, ...entries.slice(-1)] }),
    /3 orders were accepted, with 4 entries/,
  ],
  'the cash becomes negative': [
    () =>
      withAccount({
        entries: [...entries.slice(0, 1), { amount: -12n, cash: -2n, issuer: 'ACME', shares: 12 }],
      }),
    /makes the cash negative/,
  ],
  'more is sold than there is': [
    () =>
      withAccount({
        entries: [...entries.slice(0, 1), { amount: 2n, cash: 12n, issuer: 'ACME', shares: -2 }],
      }),
    /makes the shares of ACME negative/,
  ],
  'an answered order is lost': [
    () =>
      withAccount({
        orders: orders.slice(0, -1),
        entries: entries.slice(0, -1),
        cash: 8n,
        shares: { ACME: 2 },
      }),
    /order o3 was answered and is not listed/,
  ],
  'an order is listed twice': [
    () => withAccount({ orders: [...orders, ...orders.slice(0, 1)] }),
    /o0 is listed 2 times/,
  ],
  'an order was not placed': [
    () => withAccount({ orders: [...orders, { id: 'o9', order: { shares: 1 }, errors: ['odd'] }] }),
    /order o9 is listed and was not placed/,
  ],
  'an accepted order is listed as refused': [
    () => withAccount({ orders: orders.map((one) => (one.id === 'o1' ? { ...one, errors: ['no'] } : one)) }),
    /order o1 has \[no\], but serially it has \[\]/,
  ],
  'a request that was refused is listed': [
    (ledger) => ({
      ...ledger,
      operations: ledger.operations.map((one) =>
        one.id === 4 ? { ...one, outcome: 'fail', result: undefined } : one,
      ),
    }),
    /order o3 was refused and is listed/,
  ],
  'a response shows the cash of another moment': [
    (ledger) => ({
      ...ledger,
      operations: ledger.operations.map((one) =>
        one.id === 2 ? { ...one, result: { errors: [], cash: 6n } } : one,
      ),
    }),
    /order o1 was answered with \[\] and cash 6, but has \[\] and 8/,
  ],
  'the serial order contradicts real time': [
    (ledger) => ({
      ...ledger,
      operations: ledger.operations.map((one) =>
        one.id === 4 ? { ...one, invokedAt: -9, completedAt: -8 } : one,
      ),
    }),
    /order o3 was answered before o2 was placed, and is listed after it/,
  ],
  'an idempotency key has two orders': [
    (ledger) => ({
      ...ledger,
      operations: ledger.operations.map((one) => ({ ...one, call: { ...one.call, idempotencyKey: 'same' } })),
    }),
    /the idempotency key same has the orders o0,o1,o2,o3/,
  ],
}

const check = ({ operations, account }: typeof simple) => checkLedger(operations, account, specification())

test('Ledger: the orders of an account, accepted and refused, have the effects and responses of a serial execution', () => {
  assert.deepEqual(check(simple), [])
})

for (const [sentence, [change, message]] of Object.entries(wrong))
  test(`Ledger, caught: ${sentence}`, () => {
    const messages = check(change(simple)).map((violation) => violation.message)
    assert.match(messages.join('\n'), message)
  })

test('Any interleaving of a correct account passes, and with one response changed it fails', () => {
  const line = fc.record({
    shares: fc.integer({ min: -4, max: 6 }),
    from: fc.nat(40),
    effect: fc.nat(20),
    takes: fc.nat(20),
    isLost: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(line, { maxLength: 25 }), fc.nat(), (lines, which) => {
      const ledger = run(lines)
      assert.deepEqual(check(ledger), [])
      const answered = ledger.operations.filter(({ outcome }) => outcome === 'ok')
      const target = answered[which % Math.max(1, answered.length)]
      if (target?.result === undefined) return
      const result = { ...target.result, cash: target.result.cash + 1n }
      const operations = ledger.operations.map((one) => (one === target ? { ...one, result } : one))
      assert.equal(check({ ...ledger, operations }).length, 1)
    }),
  )
})
