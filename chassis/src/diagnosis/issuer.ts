import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { readKeys } from '../guard/issuer.ts'
import { discover } from '../guard/issuer-metadata.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** An issuer of tokens: whether it responds, and whether its keys can be read. `jwksUrl` is where they are without discovery. */
export async function examineIssuer(issuer: string, jwksUrl: string | undefined): Promise<Finding[]> {
  const url = jwksUrl ?? (await discover(issuer)).jwksUrl
  const keys = await readKeys(url)
  const usable = keys.filter(isReadable)
  if (usable.length === 0)
    return [broken(`It has no public key that can be read at ${url}: no token is accepted.`)]
  const others = keys.length - usable.length
  return [
    good(`It answers, and has ${usable.length === 1 ? 'a key' : `${usable.length} keys`} at ${url}.`),
    ...(others === 0
      ? []
      : [weak(`It has ${others} of a kind that cannot be read, whose tokens are refused.`)]),
  ]
}

function isReadable(key: JWK): boolean {
  try {
    createPublicKey({ key: { ...key }, format: 'jwk' })
    return true
  } catch {
    return false
  }
}
