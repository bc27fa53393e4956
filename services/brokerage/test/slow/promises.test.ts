import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { ledgerPromise } from '../../src/ledger-check.ts'
import { openStorage } from '../../src/storage.ts'
import { freshStorage } from '../fresh-storage.ts'
import { createLedgerByHand } from '../ledger-by-hand.ts'
import { createWorld } from '../world.ts'

test('While orders are placed, none of 50 checks of ledgers finds a fault', async (t) => {
  const world = await createWorld(t, { BROKERAGE_DATABASE_URL: await freshStorage(t) })
  const accounts = await Promise.all(Array.from({ length: 4 }, () => world.open(10_000)))
  let checks = 0
  const placing = accounts.map(async (account, i) => {
    for (let n = 0; n < 20 || checks < 50; n++) {
      const operation = n % 3 === 2 ? 'SELL' : 'BUY'
      await world.order(account, { operation, total_shares: 1 + ((n + i) % 5), share_price: 1 + (n % 90) })
    }
  })
  for (; checks < 50; checks++) {
    const { verdict, found } = await checked(world, 'ledger')
    assert.notEqual(verdict, 'broken', found)
  }
  await Promise.all(placing)
})

test('Of an account with many orders the end of its history is looked at, and a fault there is found', async (t) => {
  const BROKERAGE_DATABASE_URL = await freshStorage(t)
  const world = await createWorld(t, { BROKERAGE_DATABASE_URL })
  const account = await world.open(1_000_000)
  const timestamp = Math.floor(world.clock.now() / 1_000)
  const orders = Array.from({ length: 120 }, (_, i) => ({
    ...{ timestamp, operation: 'BUY', issuer_name: `I${i % 7}` },
    ...{ total_shares: 1 + i, share_price: 0.01 },
  }))
  for (let i = 0; i < orders.length; i += 40)
    assert.equal((await world.post(`${account}/orders`, orders.slice(i, i + 40))).statusCode, 200)
  const storage = await openStorage(BROKERAGE_DATABASE_URL, 'none:')
  t.after(storage.close)
  const { check } = ledgerPromise(storage.accounts, { wholeMax: 100, tailMax: 50 })
  const find = () => check({ sampleMax: 10, hasTime: () => true })
  assert.equal((await find()).verdict, 'kept')
  const byHand = await createLedgerByHand(t, { url: BROKERAGE_DATABASE_URL, app: world.app })
  await byHand('missingEntry')
  assert.equal((await find()).verdict, 'kept')
  await byHand('cash')
  assert.equal((await find()).found, 'account 1: its cash is not the sum of its ledger.')
})
