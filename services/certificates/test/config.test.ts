import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeConfig, loadConfig } from '@quintet/chassis/config'
import { invalidCommonSettings, settingsOf, testSettings } from '@quintet/chassis/testing/settings'
import { certificatesSettings } from '../src/config.ts'
import { loadKeyring } from '../src/keyring.ts'

testSettings(certificatesSettings, {
  defaults: {
    CERTIFICATES_PORT: 9000,
    CERTIFICATES_DATABASE_URL: 'sqlite:data/certificates.db',
    CERTIFICATES_POLICY: 'auto',
  },
  invalid: {
    ...invalidCommonSettings,
    CERTIFICATES_PORT: '65536',
    GATEWAY_PORT: 'none',
    CERTIFICATES_DATABASE_URL: 'oracle://db',
    CACHE_URL: 'disk:',
    CERTIFICATES_QUEUE_URL: 'carrier-pigeon:',
    CERTIFICATES_KEY: '',
    CERTIFICATES_POLICY: 'lax',
    CERTIFICATES_NOTIFY_URL: 'ftp://example.com',
    CERTIFICATES_NOTIFY_SECRET: 'short',
    CERTIFICATES_NOTIFY_TIMEOUT_MS: '9000',
    CERTIFICATES_NOTIFY_ATTEMPTS_MAX: '0',
  },
})

test('An invalid secret is not in the report', () => {
  assert.throws(
    () => loadConfig(certificatesSettings, settingsOf({ CERTIFICATES_NOTIFY_SECRET: 'short' })),
    ({ message }: Error) => !message.includes('short'),
  )
})

test('A file of keys, one per line, is the same as the setting with them', (t) => {
  const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('base64')]
  const file = join(tmpdir(), `quintet-keys-${randomBytes(4).toString('hex')}`)
  t.after(() => rmSync(file))
  writeFileSync(file, `\n${first}\r\n${second}\n`)
  const idsOf = (values: Record<string, string>) =>
    loadKeyring(loadConfig(certificatesSettings, settingsOf(values))).ids
  const ids = idsOf({ CERTIFICATES_KEY_FILE: file })
  assert.deepEqual(ids, idsOf({ CERTIFICATES_KEY: `${first}, ${second}` }))
  assert.equal(ids.length, 2)
})

test('Keys and secrets are never printed', () => {
  const secrets = { CERTIFICATES_KEY: 'k'.repeat(64), CERTIFICATES_NOTIFY_SECRET: 's'.repeat(16) }
  const shown = JSON.stringify(describeConfig(certificatesSettings, settingsOf(secrets)))
  assert.ok(!/k{64}|s{16}/.test(shown))
})

test('The path of the URL for notifications is never printed, whatever is wrong with it', () => {
  const shownOf = (url: string) =>
    describeConfig(certificatesSettings, settingsOf({ CERTIFICATES_NOTIFY_URL: url })).find(
      ({ name }) => name === 'CERTIFICATES_NOTIFY_URL',
    )?.value
  for (const [url, shown] of Object.entries({
    '': '',
    'https://hooks.example': 'https://hooks.example',
    'https://hooks.example/': 'https://hooks.example/',
    'https://[::1]:8443/hidden': 'https://[::1]:8443/[redacted]',
    'https://hooks.example:443/hidden/hidden?hidden#hidden': 'https://hooks.example:443/[redacted]',
    'https://hooks.example?hidden': 'https://hooks.example/[redacted]',
    'htp://hooks.example/hidden': 'htp://hooks.example/[redacted]',
    'https://hooks.example:hidden/hidden': '[redacted]',
    'https://hooks.example\\hidden/hidden': '[redacted]',
    'https://hidden@hooks.example/hidden': '[redacted]',
    'https://hidden/hidden@hooks.example/hidden': '[redacted]',
    'hooks.example/hidden': '[redacted]',
  })) {
    assert.equal(shownOf(url), shown, url)
    assert.throws(
      () => loadConfig(certificatesSettings, settingsOf({ CERTIFICATES_NOTIFY_URL: url || 'hidden' })),
      ({ message }: Error) => !message.includes('hidden'),
    )
  }
})

test('A URL for notifications whose port no server has is refused', () => {
  assert.throws(
    () => loadConfig(certificatesSettings, settingsOf({ CERTIFICATES_NOTIFY_URL: 'http://h:99999' })),
    /CERTIFICATES_NOTIFY_URL must be a URL/,
  )
})

test('The database and the queue are not the same file, however it is written', () => {
  const urls = {
    CERTIFICATES_DATABASE_URL: 'sqlite:data/one.db',
    CERTIFICATES_QUEUE_URL: 'sqlite:./data/../data/one.db',
  }
  assert.throws(
    () => loadConfig(certificatesSettings, settingsOf(urls)),
    /^ConfigError: CERTIFICATES_DATABASE_URL and CERTIFICATES_QUEUE_URL are the same, sqlite:.*one\.db: /,
  )
})
