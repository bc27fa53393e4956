import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import Provider from 'oidc-provider'
import type { ClientMetadata, Configuration } from 'oidc-provider'

/** A private key as JWK (RFC 7517). */
export type SigningKey = {
  readonly kty: string
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly use: 'sig'
  readonly [member: string]: unknown
}

type IssuerOptions = {
  /** 0 for any free one. */
  readonly port: number
  /** The claim `aud` of the tokens. */
  readonly audience: string
  readonly scopes: readonly string[]
  /** The private keys; the first one signs. */
  readonly keys: readonly SigningKey[]
  readonly tokenTtlSeconds?: number
  /** Called with the path of each request. */
  readonly requested?: (path: string) => void
}

export type RunningIssuer = {
  readonly url: string
  /** The id of the client for browsers. */
  readonly browserClient: string
  /** Lets the process end while it listens. */
  unref(): void
  close(): Promise<void>
}

/** For programs, which have a secret: `client_credentials`. */
export const scriptClient = { id: 'script', secret: 'script-secret' }
/** For browsers on this machine, which cannot keep one: `authorization_code` with PKCE. */
const browserClient = { id: 'quintet-docs' }

/**
 * An issuer of tokens on this machine, for development and tests: everybody gets a token, for any name and password. It is oidc-provider,
 * whose page for signing in is one for development as well.
 */
export async function startIssuer(options: IssuerOptions): Promise<RunningIssuer> {
  const server = createServer()
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${portOf(server)}`
  const provider = new Provider(url, configurationOf(options))
  const respond = provider.callback()
  server.on('request', (request, response) => {
    options.requested?.(request.url ?? '')
    void respond(request, response)
  })
  return {
    url,
    browserClient: browserClient.id,
    unref: () => void server.unref(),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

export function createSigningKey(kid: string, alg: SigningKey['alg'] = 'ES256'): SigningKey {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const { kty = '', ...members } = privateKey.export({ format: 'jwk' })
  return { ...members, kty, kid, alg, use: 'sig' }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The issuer has no port.')
  return address.port
}

/** The name of the API among the resources of RFC 8707, which must be a URI. */
const resource = 'urn:quintet:api'

function configurationOf({ audience, scopes, keys, tokenTtlSeconds = 3_600 }: IssuerOptions): Configuration {
  return {
    jwks: { keys: [...keys] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    scopes: ['openid', ...scopes],
    clients: clients(scopes, keys[0]?.alg ?? 'ES256'),
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    ttl: {
      AccessToken: tokenTtlSeconds,
      ClientCredentials: tokenTtlSeconds,
      Session: 3_600,
      Grant: 3_600,
      Interaction: 600,
      IdToken: 600,
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: scopes.join(' '),
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: tokenTtlSeconds,
          jwt: { sign: { alg: keys[0]?.alg ?? 'ES256' } },
        }),
      },
    },
  }
}

function clients(scopes: readonly string[], alg: SigningKey['alg']): ClientMetadata[] {
  const page = '/docs/static/oauth2-redirect.html'
  const signed = { id_token_signed_response_alg: alg }
  return [
    {
      client_id: scriptClient.id,
      client_secret: scriptClient.secret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: scopes.join(' '),
      ...signed,
    },
    {
      client_id: browserClient.id,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      // Of native applications on this machine the port may be any (RFC 8252, 7.3).
      application_type: 'native',
      redirect_uris: ['127.0.0.1', 'localhost', '[::1]'].map((host) => `http://${host}${page}`),
      scope: ['openid', ...scopes].join(' '),
      ...signed,
    },
  ]
}
