import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { fastify } from 'fastify'
import type { FastifyInstance, RouteOptions } from 'fastify'
import type { AppOptions } from './app-options.ts'
import { nameSchemas } from './named-schemas.ts'
import { ownCompilers } from './validation.ts'

/**
 * An app that never listens. It has the schemas of another app's routes, to describe them in OpenAPI 3.1, and the files of
 * Swagger UI under `/docs/static/`, so that the page works without access to the internet.
 */
export async function createDocumentation(
  routes: readonly RouteOptions[],
  { title, description }: Pick<AppOptions, 'title' | 'description'>,
): Promise<FastifyInstance> {
  const app = fastify({ schemaController: ownCompilers, routerOptions: { ignoreTrailingSlash: true } })
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
    },
    hideUntagged: true,
    transformObject: (made) => nameSchemas('openapiObject' in made ? made.openapiObject : made.swaggerObject),
  })
  for (const { method, url, schema = {} } of routes) app.route({ method, url, schema, handler: unreachable })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  await app.ready()
  return app
}

function unreachable(): never {
  throw new Error('This app describes routes; it does not serve them.')
}
