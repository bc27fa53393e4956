import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { openConsole, ownFields, token } from './world.ts'

/** API keys with these scopes, by their names, and the settings that admit them. */
function createKeys(t: TestContext, scopes: Readonly<Record<string, readonly string[]>>) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-console-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const made = Object.entries(scopes).map(
    ([id, own]) => [id, createApiKey({ id, scopes: [...own] })] as const,
  )
  const API_KEYS_FILE = join(folder, 'keys.jsonl')
  writeFileSync(API_KEYS_FILE, made.map(([, { entry }]) => JSON.stringify(entry)).join('\n'))
  const keys: Readonly<Record<string, string>> = Object.fromEntries(made.map(([id, { key }]) => [id, key]))
  return { API_KEYS_FILE, keyOf: (id: string) => keys[id] ?? '' }
}

const scopes = {
  reader: ['quintet:observe'],
  operator: ['quintet:observe', 'quintet:admin'],
  stranger: ['movies:read'],
}

for (const AUTH of ['required', 'optional'])
  test(`With AUTH=${AUTH} the scope quintet:observe reads and quintet:admin acts, and nobody does either without`, async (t) => {
    const { API_KEYS_FILE, keyOf } = createKeys(t, scopes)
    const { send } = await openConsole(t, { AUTH, API_KEYS_FILE })
    const statuses = async (headers: Record<string, string>) => [
      (await send('GET', '/api/actions', { headers })).status,
      // There is no such service, which only those who may act find out.
      (await send('POST', '/api/services/guid/stop', { headers: { ...headers, ...ownFields } })).status,
    ]
    assert.deepEqual(await statuses({}), [401, 401])
    assert.deepEqual(await statuses({ 'x-api-key': keyOf('reader') }), [200, 403])
    assert.deepEqual(await statuses({ 'x-api-key': keyOf('operator') }), [200, 404])
    assert.deepEqual(await statuses({ 'x-api-key': keyOf('stranger') }), [403, 403])
    assert.deepEqual(await statuses({ 'x-api-key': `${keyOf('operator')}x` }), [401, 401])
  })

test('An API key becomes a session with its scopes, whose actions have its name; the token of the console is good as well', async (t) => {
  const { API_KEYS_FILE, keyOf } = createKeys(t, scopes)
  const { send } = await openConsole(t, { AUTH: 'required', API_KEYS_FILE, CONSOLE_TOKEN: token })
  const signIn = (one: string) =>
    send('POST', '/api/session', { headers: ownFields, body: JSON.stringify({ token: one }) })
  const { headers, text } = await signIn(keyOf('reader'))
  assert.equal(JSON.parse(text).who, 'key:reader')
  const [cookie = ''] = String(headers['set-cookie']).split(';')
  assert.equal((await send('GET', '/api/services', { headers: { cookie } })).status, 200)
  const acting = await send('POST', '/api/services/guid/stop', { headers: { ...ownFields, cookie } })
  assert.equal(acting.status, 403)
  assert.equal((await signIn(keyOf('stranger'))).status, 403)
  assert.equal((await signIn(token)).status, 200)
})

test('A session ends when the API key that it was begun with is revoked', async (t) => {
  const { API_KEYS_FILE, keyOf } = createKeys(t, scopes)
  let now = 1_796_000_000_000
  const { send } = await openConsole(t, { AUTH: 'required', API_KEYS_FILE }, { clock: { now: () => now } })
  const body = JSON.stringify({ token: keyOf('operator') })
  const { headers } = await send('POST', '/api/session', { headers: ownFields, body })
  const [cookie = ''] = String(headers['set-cookie']).split(';')
  const status = async () => (await send('GET', '/api/actions', { headers: { cookie } })).status
  assert.equal(await status(), 200)
  writeFileSync(API_KEYS_FILE, '')
  // The file is examined again after a while.
  now += 1_000
  assert.equal(await status(), 401)
})
