import { rewrapPrivateKeys } from '../topology.ts'
import { settingsFor } from './services.ts'
import { requireNoArguments, unknownAction } from './usage-error.ts'

export const certificatesUsage =
  '  quintet certificates rewrap               move all private keys to the current key-encryption key\n'

/** `quintet certificates rewrap`: moves all private keys to the current key-encryption key. */
export async function certificates([action, ...rest]: readonly string[]): Promise<void> {
  if (action !== 'rewrap') throw unknownAction('certificates', action, ['rewrap'])
  requireNoArguments('certificates rewrap', rest)
  const { keyId, moved, broken } = await rewrapPrivateKeys(settingsFor(['certificates']))
  process.stdout.write(`${moved} private keys were moved to the key ${keyId}.\n`)
  for (const { id, reason } of broken) process.stderr.write(`Certificate ${id} stays as it is: ${reason}\n`)
  if (broken.length > 0) process.exitCode = 1
}
