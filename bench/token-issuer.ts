import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

const audience = 'bench'
const keyId = 'bench'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

let issuer: Promise<string> | undefined

/** The settings of a server that admits the token, and everybody else too, as a seed has none. */
export async function tokenSettings(): Promise<Record<string, string>> {
  issuer ??= startIssuer()
  return { AUTH: 'optional', AUTH_ISSUER: await issuer, AUTH_AUDIENCE: audience }
}

/** The `Authorization` field with an access token (RFC 9068) with this scope, for an hour. */
export async function tokenFor(scope: string): Promise<string> {
  const header = { alg: 'ES256', typ: 'at+jwt', kid: keyId }
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  const claims = { iss: await issuer, sub: 'bench', aud: audience, exp, scope }
  const signed = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `Bearer ${signed}.${signature.toString('base64url')}`
}

/** Publishes the key as an issuer does; its server does not keep the process alive. */
async function startIssuer(): Promise<string> {
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' }]
  const server = createServer(({ url }, response) => {
    const body = url === '/jwks' ? { keys } : { issuer: origin, jwks_uri: `${origin}/jwks` }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('No free port was found.')
  const origin = `http://127.0.0.1:${address.port}`
  return origin
}
