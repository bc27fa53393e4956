import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig } from '@quintet/chassis/config'
import { guidSettings } from '../src/config.ts'

const invalidValues: Readonly<Record<keyof typeof guidSettings.properties, string>> = {
  HOST: '',
  DATA_DIR: '',
  LOG_LEVEL: 'loud',
  RATE_LIMIT: 'perhaps',
  GUID_PORT: '65536',
  GUID_DATABASE_URL: 'oracle://db',
  CACHE_URL: 'disk:',
  EVENTS_URL: 'carrier-pigeon:',
  GUID_VERSION: '5',
  GUID_BACKLOG_MAX: '0',
}

const settingsOf = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }]))

test('Without any settings every default applies', () => {
  const config = loadConfig(guidSettings, new Map())
  assert.equal(config.GUID_PORT, 8888)
  assert.equal(config.GUID_DATABASE_URL, 'sqlite:data/guid.db')
  assert.equal(config.EVENTS_URL, 'sqlite:data/queue.db')
})

test('All invalid settings are reported at once', () => {
  const invalid = Object.entries(invalidValues).filter(([, value]) => value !== '')
  assert.throws(
    () => loadConfig(guidSettings, settingsOf(Object.fromEntries(invalid))),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.faults.map((fault) => fault.split(' ', 1)[0]).sort(),
        invalid.map(([name]) => name).sort(),
      )
      return true
    },
  )
})

test('A broker without event streams is refused at the start, with the setting and the schemes that have them', () => {
  assert.throws(
    () => loadConfig(guidSettings, settingsOf({ EVENTS_URL: 'amqp://127.0.0.1' })),
    /EVENTS_URL must be a URL that starts with sqlite: or kafka: or kafkas:/,
  )
})
