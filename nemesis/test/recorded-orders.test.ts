import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHistory } from '../check-history.ts'
import { createRecorder, parseHistory, writeHistory } from '../history.ts'
import type { RecordedAccount, RecordedOrder } from '../recorded-orders.ts'

const order = (operation: 'BUY' | 'SELL', shares: number, timestampMs: number): RecordedOrder => ({
  operation,
  issuer: 'ACME',
  shares,
  price: '10000000',
  timestampMs,
})

/** An account of 30 that buys, is refused as a duplicate, as too expensive and as a sale of too much, and sells. */
const orders = [
  { order: order('BUY', 2, 0), errors: [], cash: '10000000' },
  {
    order: order('BUY', 2, 200_000),
    errors: ['DUPLICATED_OPERATION', 'INSUFFICIENT_BALANCE'],
    cash: '10000000',
  },
  { order: order('SELL', 3, 400_000), errors: ['INSUFFICIENT_STOCKS'], cash: '10000000' },
  { order: order('SELL', 1, 600_000), errors: [], cash: '20000000' },
] as const

const account: RecordedAccount = {
  opening: '30000000',
  cash: '20000000',
  shares: { ACME: 1 },
  orders: orders.map((one) => ({ id: String(one.order.timestampMs), order: one.order, errors: one.errors })),
  entries: [
    { amount: '30000000', cash: '30000000', shares: 0 },
    { amount: '-20000000', cash: '10000000', issuer: 'ACME', shares: 2 },
    { amount: '10000000', cash: '20000000', issuer: 'ACME', shares: -1 },
  ],
}

function messagesOf(
  read: RecordedAccount,
  placed: readonly { order: RecordedOrder; errors: readonly string[]; cash: string }[] = orders,
) {
  const recorder = createRecorder('ledger')
  for (const { order, errors, cash } of placed)
    recorder.invoke('client', '/accounts/1', { f: 'order', id: String(order.timestampMs), order })('ok', {
      errors,
      cash,
    })
  recorder.invoke('client', '/accounts/1', { f: 'account' })('ok', read)
  const { violations } = checkHistory(parseHistory(writeHistory(recorder.history())))
  return violations.map(({ message }) => message).join('\n')
}

test('A kept history of orders and their account is checked by the rules of the brokerage', () => {
  assert.equal(messagesOf(account), '')
})

test('A kept history of orders is a violation where a response, a rule or the account differs', () => {
  const [first, ...others] = orders
  assert.match(
    messagesOf(account, [{ ...first, cash: '10000001' }, ...others]),
    /was answered with \[\] and cash 10000001/,
  )
  assert.match(messagesOf({ ...account, cash: '19000000' }), /sum up to 20000000, but the cash is 19000000/)
  const accepted = account.orders.map((one) => ({ ...one, errors: [] }))
  assert.match(
    messagesOf({ ...account, orders: accepted }),
    /serially it has \[DUPLICATED_OPERATION,INSUFFICIENT_BALANCE\]/,
  )
  assert.match(
    messagesOf({ ...account, orders: account.orders.slice(1) }),
    /order 0 was answered and is not listed/,
  )
})
