import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { checked } from '@quintet/chassis/testing/by-hand'
import { createLedgerByHand } from './ledger-by-hand.ts'
import { freshStorage } from './fresh-storage.ts'
import { createWorld } from './world.ts'

/** Accounts that have bought twice, sold once and had an order refused, whose rows a test may change. */
async function world(t: TestContext, accountCount: number) {
  const BROKERAGE_DATABASE_URL = await freshStorage(t)
  const world = await createWorld(t, { BROKERAGE_DATABASE_URL })
  const orders = [
    { total_shares: 4 },
    { total_shares: 3, issuer_name: 'NFTX' },
    { total_shares: 100_000, issuer_name: 'GOOG' },
    { total_shares: 1, operation: 'SELL' },
  ]
  for (let i = 0; i < accountCount; i++) {
    const account = await world.open(1_000)
    for (const order of orders) await world.order(account, order)
  }
  const byHand = await createLedgerByHand(t, { url: BROKERAGE_DATABASE_URL, app: world.app })
  return { byHand, ledger: () => checked(world, 'ledger') }
}

test('Of accounts in order the check of ledgers says so, and how many it has looked at', async (t) => {
  const { ledger } = await world(t, 2)
  assert.deepEqual(await ledger(), {
    verdict: 'kept',
    found:
      '2 accounts at random: cash and shares are the sums of the ledger, nothing is below zero, and no order is missing.',
    sample: 2,
  })
})

const faultsOfBalances = {
  cash: 'its cash is not the sum of its ledger',
  cashBelowZero: 'its cash is below zero',
  shares: 'its shares are not the sums of its ledger',
  missingPosition: 'its shares are not the sums of its ledger',
}
const faultsOfHistories = {
  entry: 'the cash after entry 2 is not the sum of its ledger',
  missingEntry: 'its accepted orders are not those of its ledger',
  missingOpening: 'its ledger has no opening entry',
  missingOrder: 'its order 2 is missing',
  extraEntry: 'its ledger has an entry 9 that no order of it has made',
}

for (const [what, faults] of Object.entries({ balance: faultsOfBalances, history: faultsOfHistories }))
  test(`An account whose ${what} was changed by hand is found and named, with what is wrong`, async (t) => {
    const changes = Object.keys(faults)
    const { ledger, byHand } = await world(t, changes.length)
    assert.equal((await ledger()).verdict, 'kept')
    for (const [i, change] of changes.entries()) await byHand(change, i + 1)
    const found = Object.values(faults).map((fault, i) => `account ${i + 1}: ${fault}`)
    assert.deepEqual(await ledger(), {
      verdict: 'broken',
      found: `${found.join('; ')}.`,
      sample: changes.length,
    })
  })
