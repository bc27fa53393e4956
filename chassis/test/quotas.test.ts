import assert from 'node:assert/strict'
import { test } from 'node:test'
import { periodAt } from '../src/guard/quota-period.ts'
import { openQuotaStore } from '../src/guard/quota-table.ts'
import { createLimitsWorld, principalOf, requestOf } from './limits-world.ts'
import { testQuotas } from './quotas-contract.ts'
import { createFileUrl } from './testing.ts'

testQuotas('sqlite', createFileUrl)

test('A period ends at midnight of UTC, whatever the time zone of the process', (t) => {
  const before = process.env.TZ
  t.after(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
  for (const zone of ['UTC', 'Pacific/Auckland', 'America/Santiago', 'Asia/Kathmandu', 'America/New_York']) {
    process.env.TZ = zone
    for (const [date, day, month] of [
      ['2028-02-28T23:59:59.999Z', '2028-02-28', '2028-02'],
      ['2028-02-29T00:00:00.000Z', '2028-02-29', '2028-02'],
      ['2028-02-29T23:59:59.999Z', '2028-02-29', '2028-02'],
      ['2028-12-31T23:59:59.999Z', '2028-12-31', '2028-12'],
      ['2029-03-25T01:30:00.000Z', '2029-03-25', '2029-03'],
      ['2029-10-01T00:00:00.000Z', '2029-10-01', '2029-10'],
    ] as const) {
      const now = Date.parse(date)
      assert.equal(periodAt(now, 'day').name, day, zone)
      assert.equal(periodAt(now, 'month').name, month, zone)
      assert.equal(periodAt(periodAt(now, 'day').endsAtMs - 1, 'day').name, day, zone)
      assert.notEqual(periodAt(periodAt(now, 'day').endsAtMs, 'day').name, day, zone)
      assert.notEqual(periodAt(periodAt(now, 'month').endsAtMs, 'month').name, month, zone)
    }
  }
})

const plans =
  '"free";q=3;kind="quota";per="day";by="key";plan="free", "gold";q=500;kind="quota";per="month";by="key";plan="gold"'

test('Each API key spends the quota of its plan, and each response has what is left and when there is more', async (t) => {
  const url = createFileUrl(t)
  const { limits } = createLimitsWorld(plans, { openQuotas: () => openQuotaStore(url) })
  t.after(() => limits.close())
  const ask = (id: string, plan: string) => limits.byPrincipal(requestOf(), principalOf(id, { plan }))
  assert.deepEqual((await ask('key:a', 'free')).fields, [
    'ratelimit-policy',
    '"free";q=3;w=86400',
    'ratelimit',
    '"free";r=2;t=43200',
  ])
  assert.deepEqual((await ask('key:b', 'gold')).fields, [
    'ratelimit-policy',
    '"gold";q=500',
    'ratelimit',
    '"gold";r=499;t=43200',
  ])
  for (let i = 0; i < 2; i++) assert.equal((await ask('key:a', 'free')).refusal, undefined)
  const { refusal } = await ask('key:a', 'free')
  assert.equal(refusal?.error.status, 429)
  assert.equal(refusal?.error.retryAfterSeconds, 43_200)
  assert.equal((await ask('key:c', 'free')).refusal, undefined)
})

test('A request that a rate refuses takes nothing of a quota', async (t) => {
  const url = createFileUrl(t)
  const { limits, clock } = createLimitsWorld(
    '"rate";q=1;w=1;by="key", "quota";q=2;kind="quota";per="day";by="key"',
    { openQuotas: () => openQuotaStore(url) },
  )
  t.after(() => limits.close())
  const ask = () => limits.byPrincipal(requestOf(), principalOf('key:a'))
  assert.equal((await ask()).refusal, undefined)
  for (let i = 0; i < 5; i++) assert.deepEqual((await ask()).refusal?.error.violatedPolicies, ['rate'])
  clock.advance(1_000)
  assert.equal((await ask()).refusal, undefined)
  clock.advance(1_000)
  assert.deepEqual((await ask()).refusal?.error.violatedPolicies, ['quota'])
})

test('Without the database a quota is 503, unless its policy is open', async () => {
  const ask = async (degraded: string) => {
    const { limits } = createLimitsWorld(`"quota";q=2;kind="quota";per="day";by="key";degraded="${degraded}"`)
    return (await limits.byPrincipal(requestOf(), principalOf('key:a'))).refusal?.error.status
  }
  assert.deepEqual([await ask('local'), await ask('closed'), await ask('open')], [503, 503, undefined])
})
