import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { certificate, keysInBytes, keysInTexts } from './private-keys.ts'
import { dumpOf, spaced, wrapped } from './wrappings.ts'

test('A private key of every kind is found in every wrapping', () => {
  const missed = [...wrapped(keysInBytes, keysInTexts)].filter(([, text]) => !holdsPrivateKey(text))
  assert.deepEqual(
    missed.map(([name]) => name),
    [],
  )
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
    const startedAt = performance.now()
    holdsPrivateKey(text)
    assert.ok(
      performance.now() - startedAt < 1_000,
      `${JSON.stringify(unit)} takes ${performance.now() - startedAt} ms`,
    )
  }
})
