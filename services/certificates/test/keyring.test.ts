import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ConfigError } from '@quintet/chassis/config'
import { loadKeyring } from '../src/keyring.ts'
import type { KeySettings } from '../src/keyring.ts'

function settingsIn(t: TestContext, settings: Partial<KeySettings> = {}): KeySettings {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-keys-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return {
    CERTIFICATES_KEY: '',
    CERTIFICATES_DATABASE_URL: 'sqlite:certificates.db',
    DATA_DIR: join(folder, 'data'),
    ...settings,
  }
}

const [first, second] = [randomBytes(32), randomBytes(32)]

test('Without a key an embedded database gets one, generated once and readable by its owner only', (t) => {
  const settings = settingsIn(t)
  const { current } = loadKeyring(settings)
  const file = join(settings.DATA_DIR, 'certificates.key')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/)
  assert.equal(loadKeyring(settings).current.id, current.id)
  assert.deepEqual(readdirSync(settings.DATA_DIR), ['certificates.key'])
})

test('Without a key any other database is rejected', (t) => {
  const settings = settingsIn(t, { CERTIFICATES_DATABASE_URL: 'postgres://db/certificates' })
  assert.throws(() => loadKeyring(settings), ConfigError)
})

test('Where the folder for the generated key cannot be, the sentence names DATA_DIR, the folder and what it must be', (t) => {
  assert.throws(() => loadKeyring(settingsIn(t, { DATA_DIR: '/dev/null/data' })), {
    name: 'ConfigError',
    message:
      'DATA_DIR, /dev/null/data, cannot exist, since something above it is a file: it must be a folder that the user of this process can write to.',
  })
})

test('A key has the same id in hexadecimal and in base64, after commas and after line breaks', (t) => {
  const settings = settingsIn(t)
  const idsOf = (CERTIFICATES_KEY: string) => loadKeyring({ ...settings, CERTIFICATES_KEY }).ids
  const ids = idsOf(`\n${first.toString('hex').toUpperCase()}\r\n${second.toString('base64')}\n`)
  assert.deepEqual(ids, idsOf(`${first.toString('base64url')}, ${second.toString('hex')}`))
  assert.equal(ids.length, 2)
  assert.match(String(ids[0]), /^[0-9a-f]{16}$/)
  assert.ok(!first.toString('hex').includes(String(ids[0])))
})

test('The first key is the current one, and the others are found by their ids', (t) => {
  const settings = settingsIn(t)
  const load = (...keys: Buffer[]) =>
    loadKeyring({ ...settings, CERTIFICATES_KEY: keys.map((key) => key.toString('hex')).join(',') })
  const keyring = load(second, first)
  assert.equal(keyring.current.id, load(second).current.id)
  assert.equal(keyring.find(load(first).current.id)?.id, load(first).current.id)
  assert.equal(keyring.find('0000000000000000'), undefined)
})

test('A derived key depends on the current key and the purpose, and differs from both the key and other derived keys', (t) => {
  const settings = settingsIn(t)
  const load = (key: Buffer) => loadKeyring({ ...settings, CERTIFICATES_KEY: key.toString('hex') })
  const derived = [load(first).derive('a'), load(first).derive('b'), load(second).derive('a'), first]
  assert.equal(new Set(derived.map((key) => Buffer.from(key).toString('hex'))).size, 4)
  assert.deepEqual(load(first).derive('a'), derived[0])
})

for (const [title, bad] of [
  ['too short', 'short'],
  ['one of two too short', `${first.toString('hex')},short`],
  ['too long', `${first.toString('hex')}0`],
  ['none', ','],
] as const)
  test(`A malformed key is rejected without appearing in the error: ${title}`, (t) => {
    assert.throws(
      () => loadKeyring(settingsIn(t, { CERTIFICATES_KEY: bad })),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, /^CERTIFICATES_KEY must hold keys of 32 bytes/)
        assert.ok(!error.message.includes(first.toString('hex')) && !error.message.includes('short'))
        return true
      },
    )
  })
