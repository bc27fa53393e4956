import { AppError } from '../errors/index.ts'
import { originOf, ownershipScopes, resourceMetadataPath } from '../guard/index.ts'
import type { Access } from './access.ts'
import type { App } from './app-options.ts'

/** The metadata by which a client finds the issuers of tokens (RFC 9728); nothing where only API keys are accepted. */
export function addProtectedResource(
  app: App,
  title: string,
  { authentication, scopes }: Pick<Access, 'authentication' | 'scopes'>,
): void {
  const { issuers = [] } = authentication ?? {}
  if (issuers.length === 0) return
  app.get(resourceMetadataPath, { schema: { hide: true, scope: 'public' } }, async ({ raw }) => {
    const resource = originOf(app.server, raw)
    if (resource === undefined) throw new AppError('malformed', 'Host must be a name or an address.')
    return {
      resource,
      resource_name: title,
      authorization_servers: issuers.map(({ url }) => url),
      bearer_methods_supported: ['header'],
      scopes_supported: [...scopes.all(), ...Object.values(ownershipScopes)].sort(),
      resource_documentation: `${resource}/docs/`,
    }
  })
}
