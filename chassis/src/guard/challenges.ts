import type { IncomingMessage } from 'node:http'
import { AppError } from '../errors/index.ts'
import type { ErrorCode } from '../errors/index.ts'
import type { Refusal } from './context.ts'

/** The parts of a request that show who sends it. */
export type Credentials = Pick<IncomingMessage, 'headers' | 'rawHeaders'> &
  Partial<Pick<IncomingMessage, 'socket'>>

/** Where the metadata of a protected resource are (RFC 9728, 3). */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource'

/** What is wrong with a token, in the words of `error_description`. Nothing says which part of verifying the signature has failed. */
export type TokenFault = keyof typeof tokenFaults

const tokenFaults = {
  malformed: 'The token is malformed.',
  type: 'The token is of a type that is not accepted.',
  issuer: 'The token is of another issuer.',
  audience: 'The token is for another audience.',
  claims: 'The token has no expiry or no subject, or one that is not accepted.',
  expired: 'The token has expired.',
  'not yet valid': 'The token is not valid yet.',
  signature: 'The signature of the token cannot be verified.',
  revoked: 'The token has been revoked.',
} as const

export type Challenges = ReturnType<typeof createChallenges>

/**
 * The refusals of requests by who sends them, with what RFC 6750, 3, demands in WWW-Authenticate. `originOf` is the scheme and the host
 * that the client has used.
 */
export function createChallenges(originOf: (request: Credentials) => string | undefined) {
  function refuse(code: ErrorCode, detail: string, request: Credentials, parameters = ''): Refusal {
    const origin = originOf(request)
    const metadata = origin === undefined ? '' : `, resource_metadata="${origin}${resourceMetadataPath}"`
    return {
      error: new AppError(code, detail),
      fields: ['www-authenticate', `Bearer realm="quintet"${metadata}${parameters}`],
    }
  }

  return {
    /** Without an error, since the client may not have known (RFC 6750, 3.1). */
    unauthorized: (request: Credentials, detail = 'Send a token or an API key.') =>
      refuse('unauthorized', detail, request),
    invalidRequest: (request: Credentials, detail: string) =>
      refuse('malformed', detail, request, ', error="invalid_request"'),
    invalidToken: (request: Credentials, fault: TokenFault) =>
      refuse(
        'invalid_token',
        tokenFaults[fault],
        request,
        `, error="invalid_token", error_description="${fault}"`,
      ),
    insufficientScope: (request: Credentials, scope: string) =>
      refuse(
        'insufficient_scope',
        `The scope ${scope} is needed.`,
        request,
        `, error="insufficient_scope", scope="${scope}"`,
      ),
  }
}
