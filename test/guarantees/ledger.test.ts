import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

const main = ['services/brokerage/src/main.ts']
const alwaysOpen = { MARKET_OPEN: '00:00', MARKET_CLOSE: '00:00', BROKERAGE_PORT: '0', LOG_LEVEL: 'silent' }

type Order = { client_order_id: string; status: string }
type Entry = { shares: number; amount: number; cash: number }
type Account = { cash: number; issuers: { total_shares: number }[] }

/**
 * Goal: an acknowledged order is in the ledger once, and the ledger sums up to the balance, also after a crash. Method: two
 * processes execute orders of one account at full speed, both are killed at an arbitrary moment, and after a restart every
 * order is sent again with its `client_order_id`.
 */
for (const round of [1, 2, 3])
  test(`kill -9 of two processes during orders of one account leaves a ledger that sums up, with each acknowledged order once (round ${round})`, async (t) => {
    const settings = { DATA_DIR: dataFolder(t), ...alwaysOpen }
    const processes = [run(t, main, settings), run(t, main, settings)]
    const addresses = await Promise.all(processes.map((one) => one.address('brokerage')))
    await call('POST', `${addresses[0]}/accounts`, { cash: 1_000_000 })
    const sent: Record<string, unknown>[] = []
    const acknowledged = new Map<string, unknown>()
    const timestamp = Math.floor(Date.now() / 1000) - 86_400
    const writers = Array.from({ length: 40 }, async (_, writer) => {
      for (let i = 0; ; i++) {
        const order = {
          timestamp,
          operation: i % 3 === 2 ? 'SELL' : 'BUY',
          issuer_name: `issuer-${writer % 7}`,
          total_shares: 1 + writer * 1_000 + i,
          share_price: 0.01,
          client_order_id: `${writer}-${i}`,
        }
        sent.push(order)
        const response = await call('POST', `${addresses[writer % 2]}/accounts/1/orders`, order)
        if (response === undefined) return
        if (response.status === 200) acknowledged.set(order.client_order_id, response.body)
      }
    })
    while (acknowledged.size < 200 * round) await pause(1)
    await Promise.all(processes.map((one) => one.kill('SIGKILL')))
    await Promise.all(writers)
    assert.ok(sent.length > acknowledged.size, 'the kill happened during writes')

    const restarted = await run(t, main, settings).address('brokerage')
    await checkLedger(`${restarted}/accounts/1`)
    for (const order of sent) {
      const response = await call('POST', `${restarted}/accounts/1/orders`, order)
      const first = acknowledged.get(String(order.client_order_id))
      if (first !== undefined) assert.deepEqual(response?.body, first)
    }
    const orders = await checkLedger(`${restarted}/accounts/1`)
    assert.deepEqual(
      orders.map((order) => order.client_order_id).sort(),
      sent.map((order) => order.client_order_id).sort(),
    )
  })

/** Requires that cash and shares are the sums of the ledger, with an entry for each accepted order; returns the orders. */
async function checkLedger(account: string): Promise<Order[]> {
  const { cash, issuers }: Account = Object((await call('GET', account))?.body)
  const ledger = await readAll<Entry>(`${account}/ledger`)
  const orders = await readAll<Order>(`${account}/orders`)
  const hundredths = (amount: number) => Math.round(amount * 100)
  assert.equal(
    ledger.reduce((sum, { amount }) => sum + hundredths(amount), 0),
    hundredths(cash),
  )
  assert.equal(
    ledger.reduce((sum, { shares }) => sum + shares, 0),
    issuers.reduce((sum, { total_shares }) => sum + total_shares, 0),
  )
  for (const entry of ledger) assert.ok(entry.cash >= 0)
  assert.equal(ledger.length, 1 + orders.filter(({ status }) => status === 'accepted').length)
  return orders
}

async function readAll<Row>(list: string): Promise<Row[]> {
  const rows: Row[] = []
  let path: string | undefined = `${new URL(list).pathname}?limit=1000`
  while (path !== undefined) {
    const page: Awaited<ReturnType<typeof call>> = await call('GET', new URL(path, list).href)
    const body: Row[] = Object(page?.body)
    rows.push(...body)
    path = /<(.+)>; rel="next"/.exec(page?.headers.get('link') ?? '')?.[1]
  }
  return rows
}
