import accepts from '@fastify/accepts'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { AppError } from '../errors/index.ts'
import type { App, AppOptions } from './app-options.ts'

/**
 * OpenAPI 3.1 from the very schemas that validate, at `/openapi.json`, and pages to read and try it at `/docs`. They are
 * made at the first request for them, since their packages would take a quarter of the start of every service.
 */
export function createDocumentationRoutes(options: AppOptions): {
  /** The OpenAPI document of the routes that were added to the app. */
  describe(): Promise<object>
  addTo(app: App): Promise<void>
} {
  const routes: RouteOptions[] = []
  let opening: Promise<FastifyInstance> | undefined

  function documentation(): Promise<FastifyInstance> {
    opening ??= import('./documentation.ts').then(({ createDocumentation }) =>
      createDocumentation(routes, options),
    )
    return opening
  }

  const describe = async () => (await documentation()).swagger()

  async function addTo(app: App): Promise<void> {
    await app.register(accepts)
    app.addHook('onRoute', (route) => {
      if (route.method !== 'HEAD' && route.schema?.hide !== true) routes.push(route)
    })
    app.get('/openapi.json', { schema: { hide: true } }, async () => {
      const own = await describe()
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

  return { describe, addTo }
}
