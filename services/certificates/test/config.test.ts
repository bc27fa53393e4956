import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, describeConfig, loadConfig } from '@quintet/chassis/config'
import { certificatesSettings } from '../src/config.ts'

const bad: Readonly<Record<keyof typeof certificatesSettings.properties, string>> = {
  HOST: '',
  DATA_DIR: '',
  LOG_LEVEL: 'loud',
  RATE_LIMIT: 'perhaps',
  CERTIFICATES_PORT: '65536',
  CERTIFICATES_DATABASE_URL: 'oracle://db',
  CACHE_URL: 'disk:',
  CERTIFICATES_QUEUE_URL: 'carrier-pigeon:',
  CERTIFICATES_KEY: '',
  CERTIFICATES_KEY_FILE: '',
  CERTIFICATES_POLICY: 'lax',
  CERTIFICATES_NOTIFY_URL: 'ftp://example.com',
  CERTIFICATES_NOTIFY_SECRET: 'short',
  CERTIFICATES_NOTIFY_TIMEOUT_MS: '9000',
  CERTIFICATES_NOTIFY_ATTEMPTS_MAX: '0',
}

const settingsOf = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }]))

test('Without any settings all have their defaults', () => {
  const config = loadConfig(certificatesSettings, new Map())
  assert.equal(config.CERTIFICATES_PORT, 9000)
  assert.equal(config.CERTIFICATES_DATABASE_URL, 'sqlite:data/certificates.db')
  assert.equal(config.CERTIFICATES_POLICY, 'auto')
})

test('All faulty settings are reported at once', () => {
  const faulty = Object.entries(bad).filter(([, value]) => value !== '')
  assert.throws(
    () => loadConfig(certificatesSettings, settingsOf(Object.fromEntries(faulty))),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.faults.map((fault) => fault.split(' ', 1)[0]).sort(),
        faulty.map(([name]) => name).sort(),
      )
      assert.ok(!error.message.includes('short'))
      return true
    },
  )
})

test('Keys and secrets are never printed', () => {
  const secrets = { CERTIFICATES_KEY: 'k'.repeat(64), CERTIFICATES_NOTIFY_SECRET: 's'.repeat(16) }
  const shown = JSON.stringify(describeConfig(certificatesSettings, settingsOf(secrets)))
  assert.ok(!/k{64}|s{16}/.test(shown))
})
