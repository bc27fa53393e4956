import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Format } from 'typebox/format'
import { listOf } from './comma-list.ts'
import { milliseconds } from './numbers.ts'

/** The signature algorithms that can be admitted: never none, and none with a secret that is shared (RFC 8725, 3.1 and 3.2). */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/** The settings of tokens and API keys, which every service has. */
export const authSettings = {
  AUTH: Type.Union([Type.Literal('none'), Type.Literal('optional'), Type.Literal('required')], {
    default: 'none',
    description:
      'Who is served: everybody; everybody, but nobody with a bad token; or only who has a token or an API key.',
  }),
  AUTH_ISSUER: Type.String({
    default: '',
    format: 'issuer-urls',
    description:
      'The issuer of the tokens, exactly as their claim iss has it; several with commas between them.',
    expected:
      'a URL like https://login.example.com/realm, with https unless it is of this machine, or several',
  }),
  AUTH_AUDIENCE: Type.String({
    default: '',
    description: 'What the claim aud of a token must be or have.',
  }),
  AUTH_JWKS_URL: Type.String({
    default: '',
    format: 'issuer-urls',
    description:
      'Where the keys of an issuer without discovery are; with several issuers, one for each in order.',
    expected:
      'a URL like https://login.example.com/keys, with https unless it is of this machine, or several',
  }),
  AUTH_ALGORITHMS: Type.String({
    default: 'RS256,PS256,ES256,EdDSA',
    format: 'signature-algorithms',
    description: 'The signature algorithms that tokens may have.',
    expected: `a list of ${algorithms.join(', ')}`,
  }),
  AUTH_TOKEN_TYPES: Type.String({
    default: 'at+jwt,JWT',
    pattern: '^[A-Za-z0-9+.-]+(?: *, *[A-Za-z0-9+.-]+)*$',
    description:
      'The types that tokens may have; at+jwt alone for RFC 9068 strictly. A token without one is a JWT.',
    expected: 'a list like at+jwt,JWT',
  }),
  AUTH_CLOCK_SKEW_MS: milliseconds(30_000, {
    minimum: 0,
    maximum: 120_000,
    description: 'How far the clocks of the issuer and of this machine may differ.',
  }),
  AUTH_JWKS_MAX_AGE_MS: milliseconds(600_000, {
    minimum: 1_000,
    maximum: 86_400_000,
    description: 'The age at which the keys of an issuer are fetched again, while requests go on.',
  }),
  AUTH_JWKS_COOLDOWN_MS: milliseconds(5_000, {
    minimum: 100,
    maximum: 600_000,
    description: 'The least time between two fetches of keys, also where a token names an unknown one.',
  }),
  AUTH_JWKS_STALE_MS: milliseconds(86_400_000, {
    minimum: 0,
    maximum: 2_592_000_000,
    description: 'How much longer the last keys are used while the issuer does not respond.',
  }),
  AUTH_SCOPE_CLAIM: Type.String({
    default: 'scope',
    pattern: '^[^,\\s]+(?: *, *[^,\\s]+)*$',
    description:
      'The claim with the scopes of a token, a text or an array; several with commas between them.',
    expected: 'the name of a claim, such as scope, scp or roles, or several',
  }),
  AUTH_PLAN_CLAIM: Type.String({
    default: '',
    description: 'The claim with the plan whose limits a token has; none if empty.',
  }),
  AUTH_DENY_FILE: Type.String({
    default: '',
    description:
      'A file with a revoked token (its jti) or subject (its sub) on each line; read again when it changes.',
  }),
  API_KEYS_FILE: Type.String({
    default: '',
    description: 'The file of the API keys, which quintet keys writes; read again when it changes.',
  }),
}

/** What the files that these settings name must be. */
export const authFiles = {
  AUTH_DENY_FILE: 'a file with the jti of a token or the sub of a subject on each line',
  API_KEYS_FILE: 'a file of API keys, which quintet keys add writes',
}

export type AuthSettings = Static<ReturnType<typeof Type.Object<typeof authSettings>>>

/** Whether none of the settings is missing. */
export function isAuthSettings(settings: Partial<AuthSettings>): settings is AuthSettings {
  return Object.keys(authSettings).every((name) => name in settings)
}

/** A sentence for each setting that promises protection, and cannot give it. `values` are those that are valid. */
export function authFaults(values: Partial<AuthSettings>): string[] {
  const { AUTH: mode, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_JWKS_URL: jwks = '' } = values
  if (mode === undefined) return []
  if (mode === 'none') {
    const set = (['AUTH_ISSUER', 'AUTH_AUDIENCE', 'AUTH_DENY_FILE', 'API_KEYS_FILE'] as const).filter(
      (name) => (values[name] ?? '') !== '',
    )
    return set.map(
      (name) =>
        `${name} is set, but AUTH is none, so everybody is served: set AUTH to required, or remove it.`,
    )
  }
  const faults: string[] = []
  if (issuer === '' && values.API_KEYS_FILE === '')
    faults.push(`AUTH is ${mode}, so AUTH_ISSUER or API_KEYS_FILE must say who is admitted.`)
  if (issuer !== undefined && issuer !== '' && audience === '')
    faults.push('AUTH_AUDIENCE must be set with AUTH_ISSUER: tokens for others would be admitted without it.')
  const count = listOf(jwks).length
  if (issuer !== undefined && count > 0 && count !== listOf(issuer).length)
    faults.push('AUTH_JWKS_URL must have as many URLs as AUTH_ISSUER, in the same order.')
  return faults
}

/** Whether a URL is protected by TLS, or of this machine. */
export function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isOfMachine = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname)
  return (
    (protocol === 'https:' || (protocol === 'http:' && isOfMachine)) &&
    username === '' &&
    password === '' &&
    hash === '' &&
    !/[|\s]/.test(text)
  )
}

Format.Set('issuer-urls', (text) => listOf(text).every(isSecureUrl))
Format.Set('signature-algorithms', (text) => {
  const list = listOf(text)
  return list.length > 0 && list.every((name) => algorithms.includes(name))
})
