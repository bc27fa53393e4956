import accepts from '@fastify/accepts'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { App, AppOptions } from './app-options.ts'
import { nameSchemas } from './named-schemas.ts'

/** OpenAPI 3.1 from the very schemas that validate, at `/openapi.json`, and a page to read and try it at `/docs`. */
export async function documentApi(app: App, { title, description, openapi }: AppOptions): Promise<void> {
  await app.register(accepts)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
    },
    hideUntagged: true,
    transformObject: (made) => nameSchemas('openapiObject' in made ? made.openapiObject : made.swaggerObject),
  })
  // The page's scripts and styles come with the package, so that it works where there is no way out to the internet.
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { url: '/openapi.json' } })
  app.get('/openapi.json', { schema: { hide: true } }, async () => {
    const own = app.swagger()
    return openapi === undefined ? own : openapi(own)
  })
}
