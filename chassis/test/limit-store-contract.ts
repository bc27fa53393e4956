import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { areAdmitted, rateOf } from '../src/guard/gcra.ts'
import type { Rate, Unit } from '../src/guard/gcra.ts'
import type { LimitStore } from '../src/guard/store.ts'

/** Opens a store whose time is what the test says. */
type OpenLimitStore = (nowUs: () => number) => Promise<LimitStore>

type PolicyOptions = Partial<Unit['policy']> & {
  quota?: number
  windowSeconds?: number
  burst?: number
  cost?: number
}

/** A unit of a policy with ten requests a second, five at once, unless the test says otherwise. */
export function unitOf(key: string, options: PolicyOptions = {}): Unit {
  const { quota = 10, windowSeconds = 1, burst = 5, cost = 1, ...policy } = options
  const rate = rateOf({ quota, windowSeconds, burst, cost })
  return { key, policy: { name: 'sample', rate, share: rate, isDry: false, degraded: 'local', ...policy } }
}

/** Whether the store admits a request with these units. */
export async function isAdmitted(store: LimitStore, ...units: Unit[]): Promise<boolean> {
  const { levels, isShare } = await store.decide(units)
  return areAdmitted(
    units,
    levels.map((level) => level ?? 0),
    isShare,
  )
}

/** Steps of a client: how long it waits, and which of two limits its request is counted by. */
const histories = fc.array(
  fc.record({
    waitUs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400_000 })),
    keys: fc.constantFrom(['a'], ['b'], ['a', 'b']),
  }),
  { minLength: 30, maxLength: 60 },
)
const rates = fc
  .record({
    quota: fc.integer({ min: 1, max: 50 }),
    windowSeconds: fc.integer({ min: 1, max: 3 }),
    burst: fc.integer({ min: 1, max: 20 }),
    cost: fc.integer({ min: 1, max: 3 }),
  })
  .map((options) => ({ ...options, cost: Math.min(options.cost, options.burst) }))

type Admission = { readonly atUs: number; readonly costUs: number }

/** More than the bucket holds and leaks was admitted in no interval. */
function assertBound(admissions: readonly Admission[], { capacityUs }: Rate): void {
  for (let from = 0; from < admissions.length; from++) {
    let sumUs = 0
    for (const { atUs, costUs } of admissions.slice(from)) {
      sumUs += costUs
      const limitUs = capacityUs + atUs - (admissions[from]?.atUs ?? 0)
      assert.ok(sumUs <= limitUs, `${sumUs} us were admitted where ${limitUs} us may be`)
    }
  }
}

let count = 0
const fresh = () => `${process.pid}-${count++}`

/** A store whose time only the test advances, and a key that no other test has. */
async function openWorld(open: OpenLimitStore) {
  const time = { us: 1_000_000_000 }
  return { time, store: await open(() => time.us), key: fresh() }
}

/** What every store of limits does, whatever it stores them in. `runs` is how many random histories it is tried with. */
export function testLimitStore(name: string, open: OpenLimitStore, { runs }: { runs: number }): void {
  const world = () => openWorld(open)
  testBounds(name, world, runs)
  testRules(name, world)
}

type World = () => ReturnType<typeof openWorld>

function testBounds(name: string, world: World, runs: number): void {
  test(`${name}: in no interval is more admitted than the burst and what the rate gives`, async () => {
    const { time, store } = await world()
    const property = fc.asyncProperty(histories, rates, async (history, options) => {
      const id = fresh()
      const admissions: Record<string, Admission[]> = { a: [], b: [] }
      for (const { waitUs, keys } of history) {
        time.us += waitUs
        const units = keys.map((key) => unitOf(`${id}${key}`, options))
        if (!(await isAdmitted(store, ...units))) continue
        for (const key of keys)
          admissions[key]?.push({ atUs: time.us, costUs: unitOf('', options).policy.rate.costUs })
      }
      for (const all of Object.values(admissions)) assertBound(all, unitOf('', options).policy.rate)
    })
    await fc.assert(property, { numRuns: runs })
    await store.close()
  })

  test(`${name}: who waits for as long as it takes is admitted, and not before`, async () => {
    const { time, store } = await world()
    const property = fc.asyncProperty(histories, rates, async (history, options) => {
      const id = fresh()
      const unit = unitOf(id, options)
      const { costUs, capacityUs } = unit.policy.rate
      for (const { waitUs } of history) {
        time.us += waitUs
        const { levels } = await store.decide([unit])
        const missingUs = (levels[0] ?? 0) + costUs - capacityUs
        if (missingUs <= 0) continue
        time.us += missingUs - 1
        assert.equal(await isAdmitted(store, unit), false)
        time.us += 1
        assert.equal(await isAdmitted(store, unit), true)
      }
    })
    await fc.assert(property, { numRuns: runs })
    await store.close()
  })

  test(`${name}: at a steady rate each request is admitted, however long it goes on`, async () => {
    const { time, store, key } = await world()
    const unit = unitOf(key, { burst: 1 })
    for (let i = 0; i < 50; i++) {
      assert.equal(await isAdmitted(store, unit), true)
      time.us += unit.policy.rate.intervalUs
    }
    await store.close()
  })
}

function testRules(name: string, world: World): void {
  test(`${name}: what one limit refuses is counted by none`, async () => {
    const { store, key } = await world()
    const [narrow, wide] = [unitOf(`${key}narrow`, { burst: 2 }), unitOf(`${key}wide`, { burst: 5 })]
    const decided = []
    for (let i = 0; i < 6; i++) decided.push(await isAdmitted(store, narrow, wide))
    assert.deepEqual(decided, [true, true, false, false, false, false])
    const { levels } = await store.decide([{ ...wide, policy: { ...wide.policy, isDry: true } }])
    assert.deepEqual(levels, [2 * wide.policy.rate.costUs])
    await store.close()
  })

  test(`${name}: a limit that refuses nothing counts what it would admit, and stops no other`, async () => {
    const { store, key } = await world()
    const dry = unitOf(`${key}dry`, { burst: 1, isDry: true })
    const wide = unitOf(`${key}wide`, { burst: 3 })
    for (const expected of [true, true, true, false])
      assert.equal(await isAdmitted(store, dry, wide), expected)
    const { levels } = await store.decide([dry])
    assert.deepEqual(levels, [dry.policy.rate.costUs])
    await store.close()
  })

  test(`${name}: a lowered limit holds at the next decision, and a raised one as well`, async () => {
    const { time, store, key } = await world()
    for (let i = 0; i < 100; i++) await isAdmitted(store, unitOf(key, { quota: 1, burst: 100 }))
    const lowered = unitOf(key, { quota: 10, burst: 2 })
    assert.equal(await isAdmitted(store, lowered), false)
    time.us += lowered.policy.rate.costUs
    assert.equal(await isAdmitted(store, lowered), true, 'nobody waits for what the former limit would take')
    assert.equal(await isAdmitted(store, lowered), false)
    assert.equal(await isAdmitted(store, unitOf(key, { quota: 10, burst: 3 })), true)
    await store.close()
  })

  test(`${name}: a charge is counted in any case, and nobody waits for more than a full bucket`, async () => {
    const { time, store, key } = await world()
    const unit = unitOf(key)
    store.charge([unitOf(key, { cost: 4 })])
    assert.equal(await isAdmitted(store, unit), true)
    assert.equal(await isAdmitted(store, unit), false)
    for (let i = 0; i < 10; i++) store.charge([unitOf(key, { cost: 4 })])
    assert.equal(await isAdmitted(store, unit), false)
    time.us += unit.policy.rate.costUs
    assert.equal(await isAdmitted(store, unit), true)
    await store.close()
  })

  test(`${name}: a clock that is set back makes nobody wait for longer`, async () => {
    const { time, store, key } = await world()
    const unit = unitOf(key, { burst: 2 })
    assert.equal(await isAdmitted(store, unit), true)
    time.us -= 500_000_000
    assert.equal(await isAdmitted(store, unit), false)
    time.us += unit.policy.rate.costUs
    assert.equal(await isAdmitted(store, unit), true)
    await store.close()
  })

  test(`${name}: requests that arrive together are decided one after the other`, async () => {
    const { store, key } = await world()
    const decided = await Promise.all(Array.from({ length: 50 }, () => isAdmitted(store, unitOf(key))))
    assert.equal(decided.filter((isOne) => isOne).length, 5)
    await store.close()
  })
}
