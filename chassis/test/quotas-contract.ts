import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLogger } from '@quintet/chassis/telemetry'
import { createQuotas } from '../src/guard/quotas.ts'
import { openQuotaStore } from '../src/guard/quota-table.ts'
import { createManualClock } from './manual-clock.ts'
import { until } from './testing.ts'

const logger = createLogger({ service: 'sample', level: 'silent' })
const noonMs = Date.UTC(2028, 1, 28, 12)

function quotaOf(quota: number, options: { cost?: number; period?: 'day' | 'month' } = {}) {
  return { key: 'sample:daily:key:a', policy: { quota, cost: 1, period: 'day' as const, ...options } }
}

/** Quotas in a database, as one process has them. */
async function openProcess(t: TestContext, url: string, startMs = noonMs) {
  const clock = createManualClock(startMs)
  const quotas = createQuotas({ open: () => openQuotaStore(url), clock, logger })
  t.after(() => quotas.close())
  const spend = async (unit: ReturnType<typeof quotaOf>, times: number) => {
    let admitted = 0
    for (let i = 0; i < times; i++) if ((await quotas.spend(unit)).isAdmitted) admitted += 1
    return admitted
  }
  return { clock, quotas, spend }
}

/** What quotas do on every database. */
export function testQuotas(name: string, createUrl: (t: TestContext) => string): void {
  test(`${name}: exactly the quota is admitted, by several processes together`, async (t) => {
    const url = createUrl(t)
    const processes = await Promise.all([1, 2, 3].map(() => openProcess(t, url)))
    const admitted = await Promise.all(processes.map(({ spend }) => spend(quotaOf(500), 300)))
    assert.equal(
      admitted.reduce((sum, one) => sum + one, 0),
      500,
    )
  })

  test(`${name}: it is counted after a restart, which gives back what was not spent`, async (t) => {
    const url = createUrl(t)
    for (const expected of [123, 123, 123, 123, 8, 0]) {
      const { spend, quotas } = await openProcess(t, url)
      assert.equal(await spend(quotaOf(500), 123), expected)
      await quotas.close()
    }
  })

  test(`${name}: days and months are those of UTC`, async (t) => {
    const url = createUrl(t)
    const { spend, clock, quotas } = await openProcess(t, url)
    const month = { ...quotaOf(30, { period: 'month' }), key: 'sample:monthly:key:a' }
    const last = Date.UTC(2028, 1, 29, 23, 59, 59, 999)
    assert.equal(await spend(quotaOf(20), 30), 20)
    clock.set(last)
    assert.equal(await spend(quotaOf(20), 30), 20, 'another day')
    assert.equal(await spend(month, 40), 30)
    const { isAdmitted, remaining, resetSeconds } = await quotas.spend(month)
    assert.deepEqual([isAdmitted, remaining, resetSeconds], [false, 0, 1])
    clock.set(last + 1)
    assert.equal(await spend(quotaOf(20), 30), 20)
    assert.equal(await spend(month, 40), 30, 'the next month')
  })

  test(`${name}: a cost is spent whole or not at all, and undone whole`, async (t) => {
    const { quotas, spend } = await openProcess(t, createUrl(t))
    const three = quotaOf(10, { cost: 3 })
    assert.equal(await spend(three, 5), 3)
    const one = await quotas.spend(quotaOf(10))
    assert.deepEqual([one.isAdmitted, one.remaining], [true, 0])
    assert.equal((await quotas.spend(quotaOf(10))).isAdmitted, false)
    one.undo()
    assert.equal((await quotas.spend(quotaOf(10))).isAdmitted, true)
  })

  test(`${name}: a raised quota is spent at once, and a lowered one refuses at once`, async (t) => {
    const { spend } = await openProcess(t, createUrl(t))
    assert.equal(await spend(quotaOf(10), 20), 10)
    assert.equal(await spend(quotaOf(15), 20), 5)
    assert.equal(await spend(quotaOf(5), 20), 0)
  })

  test(`${name}: many requests at the same time share the reservations and stay within the quota`, async (t) => {
    const { quotas } = await openProcess(t, createUrl(t))
    const spent = await Promise.all(Array.from({ length: 400 }, () => quotas.spend(quotaOf(250))))
    assert.equal(spent.filter(({ isAdmitted }) => isAdmitted).length, 250)
    assert.equal(spent[0]?.resetSeconds, 43_200)
  })

  test(`${name}: rows of periods that are over are removed`, async (t) => {
    const store = await openQuotaStore(createUrl(t))
    t.after(store.close)
    const key = (id: string, endsAtMs: number) => ({ id, period: { name: 'x', endsAtMs } })
    for (let i = 0; i < 5; i++) await store.reserve(key(`old ${i}`, noonMs), 1, 1)
    await store.reserve(key('new', noonMs + 1), 1, 1)
    assert.equal(await store.sweep(noonMs + 86_400_001, 3), 3)
    assert.equal(await store.sweep(noonMs + 86_400_001, 3), 2)
    assert.equal(await store.sweep(noonMs + 86_400_001, 3), 0)
  })

  test(`${name}: without the database what is reserved is spent, and then nothing is found out`, async (t) => {
    let isThere = true
    const store = await openQuotaStore(createUrl(t))
    const reserve: typeof store.reserve = (...values) =>
      isThere ? store.reserve(...values) : Promise.reject(new Error('It is away.'))
    const clock = createManualClock(noonMs)
    const quotas = createQuotas({ open: async () => ({ ...store, reserve }), clock, logger })
    t.after(() => quotas.close())
    const unit = quotaOf(1_000)
    assert.equal((await quotas.spend(unit)).isAdmitted, true)
    isThere = false
    for (let i = 0; i < 9; i++) assert.equal((await quotas.spend(unit)).isAdmitted, true)
    assert.equal((await quotas.spend(unit)).isAdmitted, undefined)
    assert.equal(quotas.isDegraded(), true)
    isThere = true
    await until(async () => (await quotas.spend(unit)).isAdmitted === true, 1_000)
    assert.equal(quotas.isDegraded(), false)
  })
}
