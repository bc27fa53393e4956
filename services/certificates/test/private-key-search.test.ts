import assert from 'node:assert/strict'
import { createPublicKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { integer, objectId, octets, sequence, small } from '@quintet/chassis/x509/der'
import { certificate, jwkOf, keyOf, keysInBytes, keysInTexts, rsa } from './private-keys.ts'
import { threadMs } from './thread-ms.ts'
import { dumpOf, spaced, wrapped } from './wrappings.ts'

test('A private key of every kind is found in every wrapping', () => {
  const missed = [...wrapped(keysInBytes, keysInTexts)].filter(([, text]) => !holdsPrivateKey(text))
  assert.deepEqual(
    missed.map(([name]) => name),
    [],
  )
})

test('Each private member of a JSON Web Key makes it a private key, in JSON, YAML and TOML, and its public members do not', () => {
  const names = ['RSA 1024', 'RSA 2048', 'P-256', 'P-521', 'secp256k1', 'Ed25519', 'X25519', 'Ed448']
  const secrets = ['d', 'p', 'q', 'dp', 'dq', 'qi']
  const asYaml = (key: object) => Object.entries(key).map(([name, value]) => `${name}: ${value}`)
  const asToml = (key: object) => Object.entries(key).map(([name, value]) => `${name} = "${value}"`)
  const notations = (key: object) => [JSON.stringify(key), asYaml(key).join('\n'), asToml(key).join('\n')]
  for (const key of names.map(keyOf)) {
    const shared = jwkOf(createPublicKey(key))
    for (const text of notations({ ...shared, kid: 'd', use: 'sig' }))
      assert.equal(holdsPrivateKey(text), false)
    const secret = Object.entries(jwkOf(key)).filter(([name]) => secrets.includes(name))
    assert.ok(secret.length > 0)
    for (const [name, value] of secret)
      for (const text of notations({ ...shared, [name]: value }))
        assert.equal(holdsPrivateKey(text), true, text)
  }
  for (const bytes of [24, 32, 64])
    for (const text of notations({ kty: 'oct', k: `aA${randomBytes(bytes).toString('base64url')}` }))
      assert.equal(holdsPrivateKey(text), true, text)
})

test('A label of a private key with the first line of one is a private key, and without it is not', () => {
  for (const format of ['pkcs1', 'pkcs8'] as const) {
    const [label = '', line = ''] = String(rsa.export({ format: 'pem', type: format })).split('\n')
    assert.equal(holdsPrivateKey(`${label}\n${line.slice(0, 32)}`), true)
    assert.equal(holdsPrivateKey(label), false)
    assert.equal(holdsPrivateKey(`Not the file with ${label}, but\n${certificate.pem}`), false)
  }
})

/** Bytes whose base64 has letters only, wherever it begins. */
const letters = (bytes: number) => Buffer.from('69a69a'.repeat(bytes), 'hex').subarray(0, bytes)
const algorithm = (bytes: number) => sequence(objectId(...letters(bytes)))

const keysOfLetters: Readonly<Record<string, readonly Buffer[]>> = {
  'RSA PRIVATE KEY': [64, 128, 256, 512].map((bytes) =>
    sequence(small(0), integer(letters(bytes)), integer(letters(bytes))),
  ),
  'EC PRIVATE KEY': [32, 48, 66].map((bytes) => sequence(small(1), octets(letters(bytes)), letters(bytes))),
  'PRIVATE KEY': [34, 57, 200, 1_190].map((bytes) =>
    sequence(small(0), algorithm(9), octets(letters(bytes))),
  ),
  'ENCRYPTED PRIVATE KEY': [40, 100, 200, 1_200].map((bytes) =>
    sequence(algorithm(9), octets(letters(bytes))),
  ),
}

test('The first line of a private key is one also if it has no digit, whole or cut off', () => {
  for (const [label, all] of Object.entries(keysOfLetters))
    for (const key of all)
      for (const length of [24, 32, 64]) {
        const line = key.toString('base64').slice(0, length)
        assert.match(line, /^[A-Za-z]+$/)
        for (const text of [
          `-----BEGIN ${label}-----\n${line}`,
          `-----BEGIN ${label}----- ${line} and so on`,
        ])
          assert.equal(holdsPrivateKey(text), true, text)
      }
})

test('A line of base64 behind a label of a private key is one also if it has no digit, whatever it is of', () => {
  const line = 'lQOYBGcasWABCADAbkqPwzfTuHXe'
  for (const label of [
    '-----BEGIN PGP PRIVATE KEY BLOCK-----',
    '-----BEGIN RSA PRIVATE KEY-----',
    'Proc-Type: 4,ENCRYPTED',
  ])
    for (const text of [`${label}\n\n${line}`, `> ${label}\n> ${line}\n`]) {
      assert.equal(holdsPrivateKey(text), true, text)
      assert.equal(holdsPrivateKey(text.replace(line, line.toLowerCase())), false, text)
      assert.equal(holdsPrivateKey(text.replace(line, `the lines are ${line}`)), false, text)
    }
})

test('A symmetric JSON Web Key without a digit is a private key', () => {
  const k = letters(16).toString('base64url').replace(/.{4}/, 'AbCd')
  for (const text of [
    JSON.stringify({ kty: 'oct', k }),
    JSON.stringify({ k, kty: 'oct' }),
    `kty: oct\nk: ${k}`,
  ])
    assert.equal(holdsPrivateKey(text), true, text)
})

test('A JSON Web Key is a private key behind a line that ends in padding, and with values that begin like escapes', () => {
  const digits = 'jpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LI='
  for (const value of [digits, `2D${digits}`])
    for (const separator of [': ', '=', ' = '])
      for (const end of ['\n', '\r\n']) {
        const members = [
          ['kty', 'EC'],
          ['x', digits],
          ['d', value],
        ]
        const text = members.map(([name, text]) => `${name}${separator}${text}`).join(end)
        assert.equal(holdsPrivateKey(text), true, text)
      }
})

test('A private key is found in a dump with offsets of any length, and a certificate is not reported as one', () => {
  for (const digits of [4, 6, 7, 8, 16]) {
    const dump = (bytes: Buffer) => dumpOf(bytes, (line, at) => `${at(digits)} ${spaced(line)}`)
    for (const [kind, bytes] of Object.entries(keysInBytes))
      assert.equal(holdsPrivateKey(dump(bytes)), true, `${kind}, ${digits}`)
    assert.equal(holdsPrivateKey(dump(certificate.der)), false)
  }
})

test('A search takes time in proportion to the text, whatever it is', () => {
  const units = [
    'a',
    '0',
    '30',
    'MDAw',
    'ICAg',
    'eXV5',
    '%25',
    '%2525',
    '\\',
    '\\u0064',
    '&amp;',
    '&#45;',
    '<',
    '<D ',
    '-',
    '----BEGIN ',
    'PRIVATE ',
    'priv: ',
    'kty d',
    'DSAKeyValue x ',
    '=\n',
    '0x30,',
    '1, ',
    '1:',
    '12/',
    '1u8 ',
    '1  >',
    '\u0095\u0001\u0001\u0004',
    '\uff2d',
    '\ufdfa',
    '\u{1d400}',
    '\u200b-',
    '30 ',
    '\u0000',
    'MDICAQA=',
    'MIACAQMwgA==',
  ]
  for (const unit of [...units, ...units.map((one) => Buffer.from(one).toString('base64'))]) {
    const text = unit.repeat(Math.ceil(200_000 / unit.length))
    const startMs = threadMs()
    holdsPrivateKey(text)
    assert.ok(threadMs() - startMs < 1_000, `${JSON.stringify(unit)} takes ${threadMs() - startMs} ms`)
  }
})
