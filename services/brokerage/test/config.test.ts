import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig } from '@quintet/chassis/config'
import { brokerageSettings } from '../src/config.ts'

const bad: Readonly<Record<keyof typeof brokerageSettings.properties, string>> = {
  HOST: '',
  DATA_DIR: '',
  LOG_LEVEL: 'loud',
  RATE_LIMIT: 'perhaps',
  BROKERAGE_PORT: '65536',
  BROKERAGE_DATABASE_URL: 'oracle://db',
  CACHE_URL: 'memcached://cache',
  MARKET_OPEN: '6 am',
  MARKET_CLOSE: '24:00',
  MARKET_ZONE: 'Mars/Olympus',
  MARKET_DAYS: 'mon-someday',
  MARKET_CLOCK: 'sundial',
}

const settingsOf = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }]))

test('Without any settings all have their defaults', () => {
  const config = loadConfig(brokerageSettings, new Map())
  assert.equal(config.BROKERAGE_PORT, 8000)
  assert.equal(config.BROKERAGE_DATABASE_URL, 'sqlite:data/brokerage.db')
  assert.equal(config.MARKET_ZONE, '-06:00')
})

test('The settings of the market are used as they are given', () => {
  const made = {
    MARKET_OPEN: '09:30',
    MARKET_CLOSE: '16:00:00',
    MARKET_ZONE: 'America/New_York',
    MARKET_DAYS: 'mon-wed,fri',
    MARKET_CLOCK: 'server',
  }
  const config: Record<string, unknown> = loadConfig(brokerageSettings, settingsOf(made))
  for (const [name, value] of Object.entries(made)) assert.equal(config[name], value)
})

test('All faulty settings are reported at once', () => {
  const faulty = Object.entries(bad).filter(([, value]) => value !== '')
  assert.throws(
    () => loadConfig(brokerageSettings, settingsOf(Object.fromEntries(faulty))),
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
