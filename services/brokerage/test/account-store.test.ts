import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { OrderBatch } from '../src/port.ts'
import { decimalMax, decimalOf } from '../src/decimal.ts'
import { apply } from '../src/order.ts'
import type { Account, Order } from '../src/order.ts'
import { openStorage } from '../src/storage.ts'
import { buyOrder } from './buy-order.ts'
import { freshStorage } from './fresh-storage.ts'

async function createStore(t: TestContext) {
  const storage = await openStorage(await freshStorage(t), 'none:')
  t.after(() => storage.close())
  const store = storage.accounts
  const open = async (cash = decimalOf(1000n)): Promise<Account> => {
    const account = await store.find(await store.open({ cash, owner: null, openedMs: 1_000_000 }, []))
    assert.ok(account)
    return account
  }
  return { store, open }
}

function batchOf(before: Account, change: Partial<Order> = {}): OrderBatch {
  const order = { ...buyOrder, ...change }
  const after = apply({ ...before, sequence: before.sequence + 1 }, order)
  const decided = { order, sequence: after.sequence, refusals: [], balance: after }
  return { before, after, orders: [decided] }
}

test('An account is read back as it was committed, with amounts beyond the precision of a float', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open(8_999_999_999_999_999_999n)
  assert.equal(before.cash, 8_999_999_999_999_999_999n)
  const batch = batchOf(before, { price: 1_234_567_890_123_456_789n })
  assert.ok(await store.commitBatch(batch, []))
  assert.deepEqual(await store.find(before.id), batch.after)
  const [opening, entry] = await store.listLedger(before.id, { after: -1, limit: 10 })
  assert.equal(opening?.amount, before.cash)
  assert.equal(entry?.amount, -2_469_135_780_246_913_578n)
  assert.equal(entry?.cash, batch.after.cash)
})

test('An account exists from when it was opened', async (t) => {
  const { store, open } = await createStore(t)
  const { id } = await open()
  assert.deepEqual([await store.findOwner(id), await store.findOwner(id + 1)], [null, undefined])
})

test('The largest amounts that the rules allow can be stored', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open(decimalMax)
  assert.ok(await store.commitBatch(batchOf(before, { shares: decimalMax, price: 1n }), []))
  assert.equal((await store.find(before.id))?.positions.get('AAPL')?.shares, 9_000_000_000_000n)
})

test('Of two batches decided on the same account one is committed, and the other changes nothing', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open()
  assert.ok(await store.commitBatch(batchOf(before), []))
  const after = await store.find(before.id)
  assert.ok(!(await store.commitBatch(batchOf(before, { issuer: 'MSFT' }), [])))
  assert.deepEqual(await store.find(before.id), after)
  assert.equal((await store.listOrders(before.id, { after: 0, limit: 10 })).length, 1)
})

test('A batch whose cash or shares differ from the result of its orders changes nothing', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open()
  const batch = batchOf(before)
  assert.ok(!(await store.commitBatch({ ...batch, after: { ...batch.after, cash: decimalOf(901n) } }, [])))
  assert.ok(!(await store.commitBatch({ ...batchOf({ ...before, cash: decimalOf(2000n) }) }, [])))
  const ghost = { shares: 5n, price: 1n, cost: 5n, since: 0 }
  const imagined = { ...before, positions: new Map([['AAPL', ghost]]) }
  assert.ok(!(await store.commitBatch(batchOf(imagined, { operation: 'SELL', shares: decimalOf(5n) }), [])))
  assert.ok(!(await store.commitBatch(batchOf(imagined), [])))
  assert.deepEqual(await store.find(before.id), before)
  assert.deepEqual(await store.listOrders(before.id, { after: 0, limit: 10 }), [])
})

test('A batch that leaves cash or shares below zero is rejected, whatever the rules decided', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open(decimalOf(1n))
  await assert.rejects(store.commitBatch(batchOf(before), []))
  assert.deepEqual(await store.find(before.id), before)
})

test('Refused orders increase the sequence of the account and not its version', async (t) => {
  const { store, open } = await createStore(t)
  const before = await open()
  const after = { ...before, sequence: 1 }
  const refusals = [{ rule: 'CLOSED_MARKET' as const, sentences: { timestamp: 'The market is closed.' } }]
  assert.ok(
    await store.commitBatch(
      { before, after, orders: [{ order: buyOrder, sequence: 1, refusals, balance: before }] },
      [],
    ),
  )
  assert.deepEqual(await store.find(before.id), after)
  const [record] = await store.listOrders(before.id, { after: 0, limit: 10 })
  assert.deepEqual(record?.refusals, refusals)
})

test('A page of orders ends where it has enough bytes, also of balances that are stored with them, and can be continued there', async (t) => {
  const { store, open } = await createStore(t)
  let account = await open()
  for (let n = 0; n < 6; n += 1) {
    const orders = Array.from({ length: 20 }, (_, at): Order => {
      const order = { ...buyOrder, issuer: `${n}-${at}${'x'.repeat(80)}`, price: 1n }
      return at === 0 ? { ...order, clientOrderId: `order ${n}` } : order
    })
    const before = account
    const decided = orders.map((order, at) => {
      account = apply({ ...account, sequence: account.sequence + 1 }, order)
      const checkpoint = at === 0 ? account.sequence : undefined
      return { order, sequence: account.sequence, refusals: [], balance: account, checkpoint }
    })
    assert.ok(await store.commitBatch({ before, after: account, orders: decided }, []))
  }
  for (const list of [store.listOrders, store.listLedger]) {
    const read: number[] = []
    for (let pages = 0; read.at(-1) !== account.sequence; pages += 1) {
      const page = await list(account.id, { after: read.at(-1) ?? 0, limit: 1_000, bytesMax: 8_000 })
      const bytes = page.reduce((sum, one) => sum + (one.bytes ?? 0), 0)
      assert.ok(bytes < 8_000 + 250_000, String(bytes))
      if (bytes > 0 && page.at(-1)?.sequence !== account.sequence) assert.ok(bytes >= 8_000)
      read.push(...page.map(({ sequence }) => sequence))
      assert.ok(pages < 20)
    }
    assert.deepEqual(
      read,
      Array.from({ length: 120 }, (_, at) => at + 1),
    )
  }
})
