import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { commonSettings, engineUrl, faultsOf, settingNamesOf, unknownSettings } from '@quintet/chassis/config'
import { Type } from 'typebox'
import { settingsOf } from './settings-contract.ts'

const schema = Type.Object({
  ...commonSettings,
  SAMPLE_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/sample.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:'],
    description: 'The database.',
  }),
})
const faults = (values: Readonly<Record<string, string>>) => faultsOf(schema, settingsOf(values))

const byPrincipal = '"a";q=1;w=1;by="principal"'
const byKey = '"a";q=1;w=1;by="address+key"'
const ofPlan = '"a";q=1;w=1;plan="gold"'
const issuer = { AUTH: 'required', AUTH_ISSUER: 'https://login.example.com', AUTH_AUDIENCE: 'quintet' }
const keys = { AUTH: 'optional', API_KEYS_FILE: 'keys.jsonl' }

test('A policy that could limit nobody, since there are no principals of its kind, ends a start', () => {
  for (const [policies, settings, fault] of [
    [byPrincipal, {}, '"a": by="principal" limits nobody while AUTH is none'],
    [byKey, {}, '"a": by="key" limits nobody without AUTH and API_KEYS_FILE'],
    [byKey, issuer, '"a": by="key" limits nobody without AUTH and API_KEYS_FILE'],
    [ofPlan, {}, '"a": plan limits nobody without AUTH and a plan in API_KEYS_FILE or by AUTH_PLAN_CLAIM'],
    [
      ofPlan,
      issuer,
      '"a": plan limits nobody without AUTH and a plan in API_KEYS_FILE or by AUTH_PLAN_CLAIM',
    ],
  ] as const)
    for (const mode of ['on', 'dry-run'])
      assert.deepEqual(
        faults({ RATE_LIMIT: mode, RATE_LIMIT_POLICIES: policies, ...settings }),
        [`RATE_LIMIT_POLICIES: ${fault}.`],
        policies,
      )
  for (const [policies, settings] of [
    [byPrincipal, issuer],
    [byPrincipal, keys],
    [byKey, keys],
    [ofPlan, keys],
    [ofPlan, { ...issuer, AUTH_PLAN_CLAIM: 'plan' }],
  ] as const)
    assert.deepEqual(faults({ RATE_LIMIT: 'on', RATE_LIMIT_POLICIES: policies, ...settings }), [], policies)
})

test('So does one in a file, by the name of the setting with the file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-policies-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'policies')
  writeFileSync(file, `# For programs\n${byKey}\n`)
  assert.deepEqual(faults({ RATE_LIMIT: 'on', RATE_LIMIT_FILE: file }), [
    'RATE_LIMIT_FILE: "a": by="key" limits nobody without AUTH and API_KEYS_FILE.',
  ])
  assert.deepEqual(faults({ RATE_LIMIT: 'on', RATE_LIMIT_FILE: file, ...keys }), [])
  assert.deepEqual(
    faults({ RATE_LIMIT: 'on', RATE_LIMIT_FILE: file, RATE_LIMIT_POLICIES: ofPlan, ...keys }),
    ['RATE_LIMIT_FILE and RATE_LIMIT_POLICIES are both set; remove one of them.'],
  )
  assert.deepEqual(faults({ RATE_LIMIT_FILE: file }), [
    'RATE_LIMIT_FILE is set, but RATE_LIMIT is off, so nothing is limited: set RATE_LIMIT to on, or remove it.',
  ])
})

test('Policies without RATE_LIMIT are refused, since they would limit nothing', () => {
  assert.deepEqual(faults({ RATE_LIMIT_POLICIES: '"a";q=1;w=1' }), [
    'RATE_LIMIT_POLICIES is set, but RATE_LIMIT is off, so nothing is limited: set RATE_LIMIT to on, or remove it.',
  ])
})

test('RATE_LIMIT_FILE names a file of policies, and never one with the value of another setting', () => {
  const names = settingNamesOf(schema)
  assert.equal(names.filter((name) => name === 'RATE_LIMIT_FILE').length, 1)
  const policies = settingsOf({ RATE_LIMIT_POLICIES_FILE: '/run/secrets/policies' })
  const { protective } = unknownSettings(names, policies, ['RATE'])
  assert.match(protective.join(), /^RATE_LIMIT_POLICIES_FILE is not a setting, so it would protect nothing/)
})

test('Quotas need a database of their own, however its address is written, and no password of it is shown', () => {
  for (const [own, quotas, place] of [
    ['sqlite:data/a.db', 'sqlite:./data/a.db', `sqlite:${resolve('data/a.db')}`],
    [
      'postgres://quintet:secret@db.example/quintet',
      'postgresql://other:hidden@db.example:5432/quintet',
      'postgres://db.example:5432/quintet',
    ],
  ] as const)
    assert.deepEqual(faults({ SAMPLE_DATABASE_URL: own, RATE_LIMIT_QUOTA_URL: quotas }), [
      `SAMPLE_DATABASE_URL and RATE_LIMIT_QUOTA_URL are the same, ${place}: quotas need a database of their own.`,
    ])
  for (const [own, quotas] of [
    ['sqlite::memory:', 'sqlite::memory:'],
    ['postgres://db.example/a', 'postgres://db.example/b'],
    ['sqlite:data/a.db', 'sqlite:data/quota.db'],
  ] as const)
    assert.deepEqual(faults({ SAMPLE_DATABASE_URL: own, RATE_LIMIT_QUOTA_URL: quotas }), [])
})
