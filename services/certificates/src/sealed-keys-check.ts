import { prepareQuery, randomKeys } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { checkEach } from '@quintet/chassis/promises'
import type { Check } from '@quintet/chassis/promises'
import type { CertificatesDatabase } from './database.ts'
import { createEnvelopes, DecryptionError } from './envelope.ts'
import type { Keyring } from './keyring.ts'

/** A check that what is stored as private keys is encrypted, and for the record that it is in. Each is decrypted in memory and erased. */
export function checkSealedKeys(database: CertificatesDatabase, keyring: Keyring): Check {
  const envelopes = createEnvelopes(keyring)
  const find = prepareQuery((p: Placeholders<{ id: number }>) =>
    database.query
      .selectFrom('certificate')
      .select(['uid', 'user_id', 'key_id', 'wrapped_key', 'ciphertext'])
      .where('id', '=', p.id),
  )
  return checkEach({
    noun: 'private key',
    kept: 'each is encrypted, for its own record',
    pick: async (max) => (await randomKeys(database, { table: 'certificate' }, max)).map(Number),
    async faultOf(id) {
      const [row] = await database.read(find({ id }))
      if (row === undefined) return undefined
      const { uid, user_id: userId, key_id: keyId, wrapped_key: wrappedKey, ciphertext } = row
      if (keyring.find(keyId) === undefined)
        throw new AppError(
          'dependency_down',
          'Private keys are encrypted with a key that this process does not have.',
        )
      try {
        envelopes.open({ keyId, wrappedKey, ciphertext }, { uid, userId: Number(userId) }).fill(0)
        return undefined
      } catch (error) {
        if (!(error instanceof DecryptionError)) throw error
        return 'it is not encrypted, or not for the record of the certificate with this id'
      }
    },
  })
}
