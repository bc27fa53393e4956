import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig } from '@quintet/chassis/config'
import { billingSettings } from '../src/config.ts'

const bad: Readonly<Record<keyof typeof billingSettings.properties, string>> = {
  HOST: '',
  DATA_DIR: '',
  LOG_LEVEL: 'loud',
  RATE_LIMIT: 'perhaps',
  BILLING_PORT: '65536',
  BILLING_DATABASE_URL: 'oracle://db',
  QUEUE_URL: 'carrier-pigeon:',
}

const settingsOf = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }]))

test('Without any setting everything has its default', () => {
  const config = loadConfig(billingSettings, new Map())
  assert.equal(config.BILLING_PORT, 8081)
  assert.equal(config.BILLING_DATABASE_URL, 'sqlite:data/billing.db')
  assert.equal(config.QUEUE_URL, 'sqlite:data/queue.db')
})

test('Every setting with a fault is named, all of them at once', () => {
  const faulty = Object.entries(bad).filter(([, value]) => value !== '')
  assert.throws(
    () => loadConfig(billingSettings, settingsOf(Object.fromEntries(faulty))),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.faults.map((fault) => fault.split(' ', 1)[0]).sort(),
        faulty.map(([name]) => name).sort(),
      )
      return true
    },
  )
})
