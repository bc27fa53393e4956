import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { ec, jwkOf, keys } from './private-keys.ts'
import { threadMs } from './thread-ms.ts'
import { wrapped } from './wrappings.ts'

test('The secret itself is found in every wrapping, whatever it is, and so is the private value of a key', () => {
  const secret = Buffer.from('correct horse battery staple')
  const asText = [...wrapped({ secret }, { secret: secret.toString() })]
  const value = Buffer.from(String(jwkOf(ec).d), 'base64url')
  const asKey = [...wrapped({ 'the private value': value }, {})]
  for (const [name, text] of asText) {
    assert.equal(holdsPrivateKey(text, secret), true, name)
    assert.equal(holdsPrivateKey(text, randomBytes(28)), false, name)
  }
  for (const [name, text] of asKey)
    for (const encoded of [
      ec.export({ format: 'der', type: 'pkcs8' }),
      ec.export({ format: 'der', type: 'sec1' }),
      Buffer.from(ec.export({ format: 'pem', type: 'pkcs8' })),
    ])
      assert.equal(holdsPrivateKey(text, encoded), true, name)
})

test('The private value of each kind of key that has one is found, whatever the key is encoded in', () => {
  const kinds = Object.entries(keys).filter(([name]) => !/DSA|PSS/.test(name))
  assert.equal(kinds.length, 8)
  for (const [name, key] of kinds) {
    const text = `its value is ${Buffer.from(String(jwkOf(key).d), 'base64url').toString('hex')}, in hexadecimal`
    const own = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8'
    for (const type of new Set(['pkcs8', own] as const))
      for (const encoded of [
        key.export({ format: 'der', type }),
        Buffer.from(key.export({ format: 'pem', type })),
      ])
        assert.equal(holdsPrivateKey(text, encoded), true, `${name} in ${type}`)
  }
})

test('A secret of any characters is found amid others, in whatever text', () => {
  for (const secret of [
    'correct hörse battery',
    'корректная лошадь',
    'a key of ÿÿÿÿ',
    '\u{1f40e}\u{1f50b}\u{1f4ce}',
  ])
    for (const text of [secret, `it is ${secret}.`, `é ${secret}`, `— ${secret} —`])
      assert.equal(holdsPrivateKey(text, Buffer.from(secret)), true, text)
})

test('A short secret is found only where the whole text is it', () => {
  const secret = Buffer.from('key')
  for (const text of ['key', ' key\n', 'a2V5', 'a2V\n5'])
    assert.equal(holdsPrivateKey(text, secret), true, text)
  for (const text of ['the key', 'keys', 'a2V5a2V5', '6b6579'])
    assert.equal(holdsPrivateKey(text, secret), false, text)
})

/** Pairs of a secret and a text in base64 whose comparison at each place goes far before it fails. */
const nearlyEqual: readonly (readonly [secret: Buffer, text: Buffer])[] = [
  [Buffer.concat([Buffer.alloc(20_000), Buffer.from([2]), Buffer.alloc(20_000)]), Buffer.alloc(150_000)],
  [Buffer.concat([Buffer.from([2]), Buffer.alloc(40_000)]), Buffer.alloc(150_000)],
  [Buffer.concat([Buffer.alloc(40_000), Buffer.from([2])]), Buffer.alloc(150_000)],
  [Buffer.from(`${'ab'.repeat(20_000)}b`), Buffer.from('ab'.repeat(75_000))],
  [Buffer.from(`${'a'.repeat(20_000)}b${'a'.repeat(20_000)}`), Buffer.from('a'.repeat(150_000))],
]

test('A search for a secret takes time in proportion to it and the text, whatever both are', () => {
  for (const [secret, text] of nearlyEqual)
    for (const body of [text.toString('base64'), text.toString('latin1'), text.toString('hex')]) {
      const startMs = threadMs()
      assert.equal(holdsPrivateKey(body, secret), false)
      assert.ok(threadMs() - startMs < 1_000, `${threadMs() - startMs} ms`)
    }
})
