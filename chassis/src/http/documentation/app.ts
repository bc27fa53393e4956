import swagger from '@fastify/swagger'
import { fastify } from 'fastify'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import type { AppOptions } from '../app-options.ts'
import { bodyBytesMax as defaultBodyBytesMax, bodyLimitNote } from '../body-limit.ts'
import { ownCompilers } from '../validation.ts'
import { completeDocument } from './complete-document.ts'
import { nameSchemas } from './named-schemas.ts'

/** An app that never listens. It has the schemas of another app's routes, to describe them in OpenAPI 3.1. */
export async function createDocumentation(
  routes: readonly RouteOptions[],
  {
    title,
    description,
    bodyBytesMax = defaultBodyBytesMax,
  }: Pick<AppOptions, 'title' | 'description' | 'bodyBytesMax'>,
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
    transformObject: (made) => {
      const named = nameSchemas('openapiObject' in made ? made.openapiObject : made.swaggerObject)
      return completeDocument(named, routes, description)
    },
  })
  for (const { method, url, schema = {}, bodyLimit = bodyBytesMax } of routes)
    app.route({ method, url, schema: withBodyLimit(schema, bodyLimit), handler: unreachable })
  await app.ready()
  return app
}

/** An operation that takes a body says how large it may be. */
function withBodyLimit(schema: FastifySchema, bytesMax: number): FastifySchema {
  if (schema.body === undefined) return schema
  const description = [schema.description, bodyLimitNote(bytesMax)].filter(Boolean).join(' ')
  return { ...schema, description }
}

function unreachable(): never {
  throw new Error('This app describes routes; it does not serve them.')
}
