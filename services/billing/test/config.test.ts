import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { invalidCommonSettings, settingsOf, testSettings } from '@quintet/chassis/testing/settings'
import { billingSettings } from '../src/config.ts'

testSettings(billingSettings, {
  defaults: {
    BILLING_PORT: 8081,
    BILLING_DATABASE_URL: 'sqlite:data/billing.db',
    QUEUE_URL: 'sqlite:data/queue.db',
    ORDER_ID_KEY: '',
  },
  invalid: {
    ...invalidCommonSettings,
    BILLING_PORT: '65536',
    GATEWAY_PORT: 'none',
    BILLING_DATABASE_URL: 'oracle://db',
    QUEUE_URL: 'carrier-pigeon:',
    ORDER_ID_KEY: 'short',
  },
})

test('The database and the queue are not the same file, however it is written', () => {
  const urls = { BILLING_DATABASE_URL: 'sqlite:data/one.db', QUEUE_URL: 'sqlite:./data/../data/one.db' }
  assert.throws(
    () => loadConfig(billingSettings, settingsOf(urls)),
    /^ConfigError: BILLING_DATABASE_URL and QUEUE_URL are the same, sqlite:.*one\.db: /,
  )
})
