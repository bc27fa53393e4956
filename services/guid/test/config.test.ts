import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { invalidCommonSettings, settingsOf, testSettings } from '@quintet/chassis/testing/settings'
import { guidSettings } from '../src/config.ts'

testSettings(guidSettings, {
  defaults: {
    GUID_PORT: 8888,
    GUID_DATABASE_URL: 'sqlite:data/guid.db',
    EVENTS_URL: 'sqlite:data/queue.db',
  },
  invalid: {
    ...invalidCommonSettings,
    GUID_PORT: '65536',
    GATEWAY_PORT: 'none',
    GUID_DATABASE_URL: 'oracle://db',
    CACHE_URL: 'disk:',
    EVENTS_URL: 'carrier-pigeon:',
    GUID_VERSION: '5',
    GUID_BACKLOG_MAX: '0',
  },
})

test('A broker without event streams is refused at the start, with the setting and the schemes that have them', () => {
  assert.throws(
    () => loadConfig(guidSettings, settingsOf({ EVENTS_URL: 'amqp://127.0.0.1' })),
    /EVENTS_URL must be a URL that starts with sqlite: or kafka: or kafkas:/,
  )
})

test('The database and the queue are not the same file, however it is written', () => {
  const urls = { GUID_DATABASE_URL: 'sqlite:data/one.db', EVENTS_URL: 'sqlite:./data/../data/one.db' }
  assert.throws(
    () => loadConfig(guidSettings, settingsOf(urls)),
    /^ConfigError: GUID_DATABASE_URL and EVENTS_URL are the same, sqlite:.*one\.db: /,
  )
})
