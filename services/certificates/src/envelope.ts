import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Keyring } from './keyring.ts'

/** An encrypted secret: a data key encrypts the secret, and the key `keyId` encrypts the data key. Texts are base64. */
export type Envelope = { readonly keyId: string; readonly wrappedKey: string; readonly ciphertext: string }

/** The record that a secret belongs to. An envelope sealed for one record cannot be opened for another. */
type Identity = { readonly uid: string; readonly userId: number }

/** An envelope cannot be opened: it was modified, it belongs to another record, or its key is missing. */
export class DecryptionError extends Error {}

/** Envelope encryption by AES-256-GCM, with the identity of the record as additional data at both layers. */
export function createEnvelopes(keyring: Keyring) {
  function keyOf({ keyId }: Envelope): KeyObject {
    const key = keyring.find(keyId)?.key
    if (key === undefined) throw new DecryptionError(`The key ${keyId} is not among those given.`)
    return key
  }

  return {
    seal(secret: Uint8Array, identity: Identity): Envelope {
      // One call for all random bytes, since the cost is that of the call.
      const random = randomFillSync(new Uint8Array(dataKeyBytes + 2 * nonceBytes))
      const dataKey = random.subarray(0, dataKeyBytes)
      const nonces = random.subarray(dataKeyBytes)
      const { id, key } = keyring.current
      const aad = additionalData(identity)
      const envelope = {
        keyId: id,
        wrappedKey: encrypt(key, nonces.subarray(0, nonceBytes), dataKey, aad),
        ciphertext: encrypt(dataKey, nonces.subarray(nonceBytes), secret, aad),
      }
      dataKey.fill(0)
      return envelope
    },

    open(envelope: Envelope, identity: Identity): Uint8Array {
      const aad = additionalData(identity)
      return decrypt(decrypt(keyOf(envelope), envelope.wrappedKey, aad), envelope.ciphertext, aad)
    },

    /** Encrypts the data key with the current key. The secret is decrypted only to verify it. */
    rewrap(envelope: Envelope, identity: Identity): Envelope {
      const aad = additionalData(identity)
      const dataKey = decrypt(keyOf(envelope), envelope.wrappedKey, aad)
      decrypt(dataKey, envelope.ciphertext, aad).fill(0)
      const { id, key } = keyring.current
      const wrappedKey = encrypt(key, randomFillSync(new Uint8Array(nonceBytes)), dataKey, aad)
      dataKey.fill(0)
      return { keyId: id, wrappedKey, ciphertext: envelope.ciphertext }
    },
  }
}

export type Envelopes = ReturnType<typeof createEnvelopes>

const algorithm = 'aes-256-gcm'
const dataKeyBytes = 32
const nonceBytes = 12
const tagBytes = 16

/** Nonce, ciphertext and tag, concatenated. */
function encrypt(
  key: KeyObject | Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): string {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(aad)
  const parts = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(parts).toString('base64')
}

function decrypt(key: KeyObject | Uint8Array, text: string, aad: Uint8Array): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length < nonceBytes + tagBytes) throw new DecryptionError('The encrypted text is too short.')
  const nonce = bytes.subarray(0, nonceBytes)
  try {
    const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(aad)
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
  } catch (cause) {
    throw new DecryptionError('The encrypted text was modified or belongs to another record.', { cause })
  }
}

function additionalData({ uid, userId }: Identity): Buffer {
  return Buffer.from(`quintet certificate ${uid} of user ${userId}`)
}
