import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authSettings, ConfigError, loadConfig } from '@quintet/chassis/config'
import { Type } from 'typebox'
import { settingsOf } from './settings-contract.ts'

const schema = Type.Object(authSettings)
const issuer = 'https://login.example.com'

/** The faults of these settings. */
function faultsOf(values: Readonly<Record<string, string>>): readonly string[] {
  try {
    loadConfig(schema, settingsOf(values))
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

for (const [title, values, expected] of [
  ['who is admitted', { AUTH: 'required' }, /^AUTH is required, so AUTH_ISSUER or API_KEYS_FILE must say/],
  ['an audience', { AUTH: 'required', AUTH_ISSUER: issuer }, /^AUTH_AUDIENCE must be set with AUTH_ISSUER/],
  [
    'as many addresses of keys as issuers',
    { AUTH: 'required', AUTH_ISSUER: issuer, AUTH_AUDIENCE: 'x', AUTH_JWKS_URL: `${issuer}/a,${issuer}/b` },
    /^AUTH_JWKS_URL must have as many URLs as AUTH_ISSUER/,
  ],
] as const)
  test(`A start that promises authentication without ${title} is refused`, () => {
    const [fault = '', ...others] = faultsOf(values)
    assert.match(fault, expected)
    assert.deepEqual(others, [])
  })

test('A setting of authentication without AUTH is refused, since it would protect nothing', () => {
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE', 'AUTH_DENY_FILE', 'API_KEYS_FILE'])
    assert.match(faultsOf({ [name]: issuer }).join(), new RegExp(`^${name} is set, but AUTH is none`))
})

test('API keys suffice without an issuer', () => {
  assert.deepEqual(faultsOf({ AUTH: 'required', API_KEYS_FILE: 'keys' }), [])
})

test('An issuer is a URL with https, or of this machine', () => {
  const both = { AUTH: 'required', AUTH_AUDIENCE: 'x' }
  for (const url of [
    issuer,
    'http://127.0.0.1:3001',
    'http://[::1]:3001/a',
    'http://localhost',
    `${issuer}, ${issuer}/b`,
  ])
    assert.deepEqual(faultsOf({ ...both, AUTH_ISSUER: url }), [], url)
  for (const url of [
    'http://login.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'https://user:password@login.example.com',
    'https://login.example.com/#a',
    'https://login.example.com/a|b',
    'login.example.com',
    `${issuer},`,
  ])
    assert.match(faultsOf({ ...both, AUTH_ISSUER: url }).join(), /^AUTH_ISSUER must be a URL like/, url)
})

test('No algorithm can be admitted that has no signature, or a shared secret', () => {
  for (const name of ['none', 'HS256', 'RS256,none', 'RS1', ''])
    assert.match(faultsOf({ AUTH_ALGORITHMS: name }).join(), /^AUTH_ALGORITHMS must be a list of RS256/, name)
  assert.deepEqual(faultsOf({ AUTH_ALGORITHMS: 'ES512, Ed25519' }), [])
})
