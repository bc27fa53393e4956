import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createEnvelopes, DecryptionError } from '../src/envelope.ts'
import { createKeyring } from '../src/keyring.ts'

const [first, second] = [randomBytes(32), randomBytes(32)]
const identity = { uid: 'a1b2', userId: 7 }
const secret = Buffer.from('a private key')

test('A sealed secret can be opened, whatever its bytes', () => {
  const envelopes = createEnvelopes(createKeyring([first]))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.deepEqual([...envelopes.open(envelopes.seal(bytes, identity), identity)], [...bytes])
    }),
  )
})

test('The same secret is encrypted differently each time, and the envelope does not contain it', () => {
  const envelopes = createEnvelopes(createKeyring([first]))
  const [one, other] = [envelopes.seal(secret, identity), envelopes.seal(secret, identity)]
  assert.notEqual(one.wrappedKey, other.wrappedKey)
  assert.notEqual(one.ciphertext, other.ciphertext)
  assert.ok(!Buffer.from(one.ciphertext, 'base64').includes(secret))
})

test('An envelope, or a part of one, that is moved to another record cannot be opened there', (t) => {
  const envelopes = createEnvelopes(createKeyring([first]))
  const mine = envelopes.seal(secret, identity)
  const theirs = envelopes.seal(secret, { ...identity, uid: 'c3d4' })
  const moved = [
    [mine, { ...identity, uid: 'c3d4' }],
    [mine, { ...identity, userId: 8 }],
    [{ ...mine, ciphertext: theirs.ciphertext }, identity],
    [{ ...mine, wrappedKey: theirs.wrappedKey }, identity],
  ] as const
  for (const [envelope, place] of moved) assert.throws(() => envelopes.open(envelope, place), DecryptionError)
  t.diagnostic(`${moved.length} moved envelopes and parts, none of which opens`)
})

test('An envelope with any one bit changed cannot be opened', (t) => {
  const envelopes = createEnvelopes(createKeyring([first]))
  const sealed = envelopes.seal(secret, identity)
  for (const part of ['wrappedKey', 'ciphertext'] as const) {
    const length = Buffer.from(sealed[part], 'base64').length
    let changes = 0
    fc.assert(
      fc.property(fc.nat(length * 8 - 1), (bit) => {
        const bytes = Buffer.from(sealed[part], 'base64')
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const changed = { ...sealed, [part]: bytes.toString('base64') }
        assert.throws(() => envelopes.open(changed, identity), DecryptionError)
        assert.throws(() => envelopes.rewrap(changed, identity), DecryptionError)
        changes += 1
      }),
    )
    t.diagnostic(`${changes} changes of one bit of the ${part}, after none of which it opens`)
  }
})

test('A truncated envelope cannot be opened', () => {
  const envelopes = createEnvelopes(createKeyring([first]))
  const sealed = envelopes.seal(secret, identity)
  for (const ciphertext of ['', 'AAAA', sealed.ciphertext.slice(0, -8)])
    assert.throws(() => envelopes.open({ ...sealed, ciphertext }, identity), DecryptionError)
})

test('A rewrapped envelope opens with the new key only, and has the same ciphertext', () => {
  const old = createEnvelopes(createKeyring([first]))
  const both = createEnvelopes(createKeyring([second, first]))
  const sealed = old.seal(secret, identity)
  const moved = both.rewrap(sealed, identity)
  assert.equal(moved.keyId, createKeyring([second]).current.id)
  assert.equal(moved.ciphertext, sealed.ciphertext)
  assert.deepEqual(createEnvelopes(createKeyring([second])).open(moved, identity), secret)
  assert.throws(() => old.open(moved, identity), DecryptionError)
  assert.deepEqual(both.open(sealed, identity), secret)
})

test('A decryption error has the id of the key, and neither the key nor the secret', () => {
  const sealed = createEnvelopes(createKeyring([first])).seal(secret, identity)
  const { id } = createKeyring([first]).current
  assert.throws(
    () => createEnvelopes(createKeyring([second])).open(sealed, identity),
    new DecryptionError(`The key ${id} is not among those given.`),
  )
})
