import { ownershipScopes } from '../../guard/index.ts'
import type { Authentication } from '../../guard/index.ts'

type Requirement = Readonly<Record<string, readonly string[]>>
type Issuers = Pick<Authentication, 'isRequired' | 'audience' | 'issuers'>

/** How clients can show who they are. The names are those of the requirements. */
export const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of an issuer that AUTH_ISSUER names (RFC 6750).',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Api-Key',
    description: 'A key that quintet keys add has made.',
  },
} as const

/** What an operation with this scope requires: one of these, or nothing, which the settings admit by default. */
export function securityOf(scope: string | undefined): readonly Requirement[] {
  return scope === undefined ? [] : [{}, { bearer: [scope] }, { apiKey: [scope] }]
}

/**
 * A document for the clients of a server that authenticates them: nothing does not suffice where a token is required, and the endpoints
 * of the issuers, once these have responded, let the page of the documentation get one.
 */
export function withAuthentication(document: object, { isRequired, audience, issuers }: Issuers): object {
  const flows = Object.fromEntries(
    issuers.flatMap(({ endpoints }, i) => {
      const { authorization, token } = endpoints() ?? {}
      if (authorization === undefined || token === undefined) return []
      const authorizationUrl = withAudience(authorization, audience)
      return [[i === 0 ? 'oauth' : `oauth${i + 1}`, { authorizationUrl, tokenUrl: token }]]
    }),
  )
  const changed = structuredClone({ ...document, components: { ...memberOf(document, 'components') } })
  const scopes = new Set<string>(Object.values(ownershipScopes))
  for (const item of Object.values(memberOf(changed, 'paths')))
    for (const operation of Object.values(Object(item))) {
      const scope = scopeOf(operation)
      if (scope === undefined) continue
      scopes.add(scope)
      const names = [...Object.keys(flows), ...Object.keys(securitySchemes)]
      const requirements = names.map((name) => ({ [name]: [scope] }))
      Object.assign(Object(operation), { security: isRequired ? requirements : [{}, ...requirements] })
    }
  const described = Object.fromEntries([...scopes].sort().map((scope) => [scope, '']))
  const added = Object.entries(flows).map(([name, flow]) => [
    name,
    { type: 'oauth2', flows: { authorizationCode: { ...flow, scopes: described } } },
  ])
  Object.assign(changed.components, {
    securitySchemes: { ...Object.fromEntries(added), ...securitySchemes },
  })
  return changed
}

/** Some issuers, such as Auth0, take the audience from this parameter; others ignore it. */
function withAudience(url: string, audience: string): string {
  const complete = new URL(url)
  complete.searchParams.set('audience', audience)
  return complete.href
}

/** The scope of an operation, as `securityOf` has written it. */
function scopeOf(operation: unknown): string | undefined {
  const security: unknown = Reflect.get(Object(operation), 'security')
  const list = Array.isArray(security) ? security : []
  const { bearer }: { bearer?: unknown } = list.find((one) => 'bearer' in Object(one)) ?? {}
  return Array.isArray(bearer) && typeof bearer[0] === 'string' ? bearer[0] : undefined
}

function memberOf(value: object, name: string): object {
  return Object(Reflect.get(value, name))
}
