import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { invalidCommonSettings, settingsOf, testSettings } from '@quintet/chassis/testing/settings'
import { brokerageSettings } from '../src/config.ts'

testSettings(brokerageSettings, {
  defaults: {
    BROKERAGE_PORT: 8000,
    BROKERAGE_DATABASE_URL: 'sqlite:data/brokerage.db',
    MARKET_ZONE: '-06:00',
  },
  invalid: {
    ...invalidCommonSettings,
    BROKERAGE_PORT: '65536',
    GATEWAY_PORT: 'none',
    BROKERAGE_DATABASE_URL: 'oracle://db',
    CACHE_URL: 'memcached://cache',
    MARKET_OPEN: '6 am',
    MARKET_CLOSE: '24:00',
    MARKET_ZONE: 'Mars/Olympus',
    MARKET_DAYS: 'mon-someday',
    MARKET_CLOCK: 'sundial',
  },
})

test('The settings of the market are used as they are given', () => {
  const given = {
    MARKET_OPEN: '09:30',
    MARKET_CLOSE: '16:00:00',
    MARKET_ZONE: 'America/New_York',
    MARKET_DAYS: 'mon-wed,fri',
    MARKET_CLOCK: 'server',
  }
  const config: Record<string, unknown> = loadConfig(brokerageSettings, settingsOf(given))
  for (const [name, value] of Object.entries(given)) assert.equal(config[name], value)
})
