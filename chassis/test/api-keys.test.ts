import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ConfigError } from '@quintet/chassis/config'
import { createApiKey, parseApiKeys } from '@quintet/chassis/guard/api-key-file'
import type { ApiKey } from '@quintet/chassis/guard/api-key-file'
import { openAuthentication, outcomeOf } from './issuer-world.ts'

const sha256 = 'a'.repeat(64)
const good = { id: 'ci', sha256, scopes: ['movies:read'] }

/** A file of API keys, and what finds out whose they are. */
function openWorld(t: TestContext, entries: readonly ApiKey[]) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-keys-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys')
  const write = (content: readonly unknown[]) =>
    writeFileSync(file, content.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  write(entries)
  const world = openAuthentication(t, { API_KEYS_FILE: file })
  const { authentication } = world
  const outcome = async (key: string, address = '192.0.2.7') => {
    const request = { headers: { 'x-api-key': key }, rawHeaders: ['X-Api-Key', key] }
    return outcomeOf(
      await authentication.authenticate(request, { client: { address, key: address }, path: '/' }),
    )
  }
  return { write, outcome, ...world }
}

test('An API key shows who sends a request, with scopes, plan and expiry', async (t) => {
  const given = { id: 'ci', scopes: ['movies:read'], plan: 'gold', expires: '2027-01-01T00:00Z' }
  const { key, entry } = createApiKey(given)
  const { send, metrics } = openWorld(t, [entry])
  assert.match(key, /^qk_ci_[\w-]{43}$/)
  const found = await send([['X-API-Key', key]])
  assert.deepEqual(found, {
    id: 'key:ci',
    kind: 'key',
    scopes: new Set(['movies:read']),
    plan: 'gold',
    expiresAt: Date.UTC(2027, 0, 1),
  })
  assert.match(await metrics.text(), /^quintet_auth_api_keys_total\{result="accepted".*\} 1$/m)
})

test('The file has the hash of a key and not the key, and two keys are never the same', () => {
  const [one, other] = [createApiKey({ id: 'a', scopes: ['x'] }), createApiKey({ id: 'a', scopes: ['x'] })]
  assert.notEqual(one.key, other.key)
  assert.ok(!JSON.stringify(one.entry).includes(one.key.slice(5)))
})

test('A wrong key, an unknown one and what is none get the same refusal, and never the reason', async (t) => {
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['movies:read'] })
  const { send } = openWorld(t, [entry])
  const wrong = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A')
  for (const text of [wrong, key.replace('ci', 'cd'), 'qk_ci_', `${key} `.repeat(2), 'x'.repeat(9_000)]) {
    const found = await send([['X-Api-Key', text]])
    assert.ok(found !== undefined && 'error' in found, text)
    assert.equal(found.error.message, 'The API key is not accepted.')
    assert.equal(found.error.status, 401)
    assert.match(String(found.fields[1]), /^Bearer realm="quintet"/)
  }
})

test('An empty field is none, so that a client may send both and fill in one', async (t) => {
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['movies:read'] })
  const { send } = openWorld(t, [entry])
  for (const fields of [
    [['X-Api-Key', '']],
    [['Authorization', '']],
    [
      ['Authorization', ''],
      ['X-Api-Key', ''],
    ],
  ] as const) {
    const found = await send(fields)
    assert.ok(found !== undefined && 'error' in found)
    assert.equal(found.error.message, 'Send a token or an API key.')
  }
  const found = await send([
    ['Authorization', ''],
    ['X-Api-Key', key],
  ])
  assert.ok(found !== undefined && 'id' in found && found.id === 'key:ci')
})

test('A key is refused from its expiry on', async (t) => {
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['x'], expires: '2027-01-01T00:00Z' })
  const { outcome, clock } = openWorld(t, [entry])
  clock.set(Date.UTC(2027, 0, 1) - 1)
  assert.equal(await outcome(key), 'key:ci')
  clock.advance(1)
  assert.equal(await outcome(key), '401 unauthorized')
})

test('A key is admitted from the addresses that it allows alone', async (t) => {
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['x'], allow: ['192.0.2.0/29', '2001:db8::/32'] })
  const { outcome } = openWorld(t, [entry])
  assert.equal(await outcome(key, '192.0.2.7'), 'key:ci')
  assert.equal(await outcome(key, '2001:db8::1'), 'key:ci')
  for (const address of ['192.0.2.8', '2001:db9::1'])
    assert.equal(await outcome(key, address), '403 forbidden')
})

test('A token beside a key, and two keys, are refused, since it is not clear who sends the request', async (t) => {
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['x'] })
  const { send } = openWorld(t, [entry])
  for (const more of [
    ['Authorization', 'Bearer x'],
    ['x-api-key', key],
  ] as const)
    assert.match(outcomeOf(await send([['X-Api-Key', key], more])), /^400 malformed error="invalid_request"/)
})

test('A key that was added is admitted and one that was removed is refused a moment after the file has changed', async (t) => {
  const [one, other] = [
    createApiKey({ id: 'one', scopes: ['x'] }),
    createApiKey({ id: 'other', scopes: ['x'] }),
  ]
  const { write, outcome, clock, lines } = openWorld(t, [one.entry])
  assert.equal(await outcome(other.key), '401 unauthorized')
  write([other.entry])
  clock.advance(250)
  assert.equal(await outcome(other.key), 'key:other')
  assert.equal(await outcome(one.key), '401 unauthorized')
  write([other.entry, { id: 'Broken' }])
  clock.advance(250)
  assert.equal(await outcome(other.key), 'key:other')
  const { msg, reason } = lines.at(-1) ?? {}
  assert.match(String(msg), /API_KEYS_FILE cannot be read, so its last content stays in force/)
  assert.equal(reason, 'line 2: id must be 1 to 63 lower-case letters, digits and hyphens')
})

test('Where no file of keys is set, X-Api-Key means nothing', async (t) => {
  const { send } = openAuthentication(t, { AUTH_ISSUER: 'http://127.0.0.1:1', AUTH_AUDIENCE: 'x' })
  assert.equal(outcomeOf(await send([['X-Api-Key', 'x']])), '401 unauthorized')
})

for (const [title, content, expected] of [
  ['a line that is no JSON', '{"id":', 'line 1 must be an object of JSON'],
  ['a line that is no object', '\n[]', 'line 2 must be an object of JSON'],
  ['an unknown member', { ...good, scope: 'x' }, 'line 1: "scope" is not a member of an API key'],
  [
    'no scopes',
    { ...good, scopes: [] },
    'line 1: scopes must be an array of scopes, such as ["movies:read"]',
  ],
  [
    'a hash that is too short',
    { ...good, sha256: 'aa' },
    'line 1: sha256 must be the SHA-256 of the key in 64 hexadecimal digits',
  ],
  [
    'no such day',
    { ...good, expires: '2027-13-01T00:00Z' },
    'line 1: expires must be a time in UTC, such as 2027-01-01T00:00Z',
  ],
  [
    'a network that is none',
    { ...good, allow: ['10.0.0.0/33'] },
    'line 1: allow must be an array of addresses and networks, such as ["10.0.0.0/8"]',
  ],
  [
    'an id twice',
    [good, good].map((key) => JSON.stringify(key)).join('\n'),
    'there are two keys with the id ci',
  ],
] as const)
  test(`A file of API keys with ${title} is refused: ${expected}`, () => {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    assert.throws(() => parseApiKeys(text), { message: expected })
  })

test('A start with a file that cannot be used ends with its setting, its path and the reason', (t) => {
  assert.throws(
    () => openAuthentication(t, { API_KEYS_FILE: '/nowhere/keys' }),
    (error) =>
      error instanceof ConfigError &&
      error.message ===
        'API_KEYS_FILE, /nowhere/keys, does not exist: it must be a file of API keys, which quintet keys add writes.',
  )
})
