import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { followEngineClock } from '@quintet/chassis/database'
import { createUpgradePeriod, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { settableClock } from './settable-clock.ts'

const hourMs = 3_600_000
const engineMs = Date.UTC(2030, 0, 1)

test('Who waits for the clock of an engine has its time, and the error of a reading while there is none', async (t: TestContext) => {
  const readings = [Promise.reject(new Error('The engine is down.')), Promise.resolve(engineMs)]
  const { clock, stop } = followEngineClock(systemClock, () => readings.shift() ?? engineMs)
  t.after(stop)
  await t.assert.rejects(clock.whenRead?.() ?? Promise.resolve(), /The engine is down/)
  await clock.whenRead?.()
  t.assert.ok(Math.abs(clock.now() - engineMs) < 1_000)
  t.assert.equal(clock.whenRead?.(), undefined)
})

test('The clock of an engine that is read without a promise is known at once', (t: TestContext) => {
  const { clock, stop } = followEngineClock(systemClock, () => engineMs)
  t.after(stop)
  t.assert.equal(clock.whenRead?.(), undefined)
})

test('The clock of an engine goes on while that of the machine is set', (t: TestContext) => {
  const machine = settableClock(t)
  const { clock, stop } = followEngineClock(systemClock, () => engineMs)
  t.after(stop)
  machine.setBy(hourMs)
  t.assert.ok(Math.abs(clock.now() - engineMs) < 1_000)
})

test('Records of the version before are looked up for a day, whatever the clock of the machine is set to', (t: TestContext) => {
  const machine = settableClock(t)
  const mayHave = createUpgradePeriod(systemClock)
  machine.setBy(2 * idempotencyRetentionMs)
  t.assert.equal(mayHave(), true)
  const clock = createManualClock(engineMs)
  const mayHaveByClock = createUpgradePeriod(clock)
  clock.advance(idempotencyRetentionMs)
  t.assert.equal(mayHaveByClock(), false)
})
