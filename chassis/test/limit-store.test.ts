import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../src/guard/memory.ts'
import { isAdmitted, testLimitStore, unitOf } from './limit-store-contract.ts'

const open = async (nowUs: () => number) => createMemoryStore({ entriesMax: 100_000, nowUs })
testLimitStore('memory', open, { runs: 100 })

test('A flood from other clients does not wash a count away, and they share one', async () => {
  let nowUs = 0
  const store = createMemoryStore({ entriesMax: 100, nowUs: () => nowUs })
  const own = unitOf('own', { quota: 1, windowSeconds: 60 })
  for (let i = 0; i < 5; i++) assert.equal(await isAdmitted(store, own), true)
  const admitted = []
  for (let i = 0; i < 5_000; i++)
    if (await isAdmitted(store, unitOf(`other ${i}`, { quota: 1, windowSeconds: 60 }))) admitted.push(i)
  assert.equal(store.size(), 100)
  assert.equal(
    admitted.length,
    99 + 5,
    'those with a count of their own, and the burst that all others share',
  )
  assert.equal(await isAdmitted(store, own), false)
  nowUs += 60_000_000
  assert.equal(await isAdmitted(store, own), true)
})

test('A bucket that would be more than full, since the clock was set back, is full from then on', async () => {
  let nowUs = 1_000_000_000
  const store = createMemoryStore({ entriesMax: 100, nowUs: () => nowUs })
  const unit = unitOf('a')
  const { capacityUs, intervalUs } = unit.policy.rate
  await isAdmitted(store, unit)
  nowUs -= 500_000_000
  assert.equal(store.levelOf(unit), capacityUs)
  nowUs += intervalUs
  assert.equal(store.levelOf(unit), capacityUs - intervalUs)
})

test('Counts that are over make room for others', async () => {
  let nowUs = 0
  const store = createMemoryStore({ entriesMax: 100, nowUs: () => nowUs })
  for (let i = 0; i < 100; i++) await isAdmitted(store, unitOf(`first ${i}`))
  nowUs += 1_000_000
  let admitted = 0
  for (let i = 0; i < 100; i++) if (await isAdmitted(store, unitOf(`second ${i}`))) admitted += 1
  assert.equal(admitted, 100)
  assert.ok(store.size() <= 100)
})

test('A process that counts by itself has its share of each limit, and at least one request of it', async () => {
  const store = createMemoryStore({ entriesMax: 100, isShare: true, nowUs: () => 0 })
  const share = { intervalUs: 400_000, costUs: 400_000, capacityUs: 500_000 }
  const unit = unitOf('a', { share })
  assert.equal(await isAdmitted(store, unit), true)
  assert.equal(await isAdmitted(store, unit), false)
})

test('A level that another store has counts here as well, and a lower one does not', async () => {
  const store = createMemoryStore({ entriesMax: 100, nowUs: () => 0 })
  const unit = unitOf('a', { burst: 2 })
  store.raise(unit, 2 * unit.policy.rate.costUs)
  store.raise(unit, unit.policy.rate.costUs)
  assert.equal(await isAdmitted(store, unit), false)
  assert.equal(store.levelOf(unit), 2 * unit.policy.rate.costUs)
})
