import accepts from '@fastify/accepts'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { AppError } from '../errors/index.ts'
import type { App, AppOptions } from './app-options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI document of this app's own routes. */
    describe(): Promise<object>
  }
}

/**
 * OpenAPI 3.1 from the very schemas that validate, at `/openapi.json`, and pages to read and try it at `/docs`. They are
 * made at the first request for them, since their packages would take a quarter of the start of every service.
 */
export async function addDocumentationRoutes(app: App, options: AppOptions): Promise<void> {
  await app.register(accepts)
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD' && route.schema?.hide !== true) routes.push(route)
  })
  let opening: Promise<FastifyInstance> | undefined
  const documentation = () => {
    opening ??= import('./documentation.ts').then(({ createDocumentation }) =>
      createDocumentation(routes, options),
    )
    return opening
  }
  app.decorate('describe', async () => (await documentation()).swagger())
  app.get('/openapi.json', { schema: { hide: true } }, async () => {
    const own = await app.describe()
    return options.openapi === undefined ? own : options.openapi(own)
  })
  for (const path of ['/docs', '/docs/*'])
    app.get(path, { schema: { hide: true } }, async ({ url, headers }, reply) => {
      const page = await (await documentation()).inject({ url, headers })
      if (page.statusCode >= 400) throw new AppError('not_found', `There is nothing at GET ${url}.`)
      const { connection: _, ...pageHeaders } = page.headers
      reply.code(page.statusCode).headers(pageHeaders)
      return page.rawPayload.length > 0 ? page.rawPayload : reply.send()
    })
}
