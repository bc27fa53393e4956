import type { FastifyInstance, RouteOptions } from 'fastify'
import { Type } from 'typebox'
import { AppError } from '../../errors/index.ts'
import type { Authentication } from '../../guard/index.ts'
import type { App, AppOptions } from '../app-options.ts'
import { forwardedPrefixOf } from '../forwarded-prefix.ts'
import { qualityOf } from '../negotiation.ts'
import { jsonType } from '../representation.ts'
import { documentationFiles } from './files.ts'
import { createJsonKeeper, keptContent, sendKept } from './kept-content.ts'
import { contentSecurityPolicy, documentationPage, pageScript, pageStyle } from './page.ts'
import { withAuthentication } from './security.ts'

const htmlType = 'text/html; charset=utf-8'
const hidden = { schema: { hide: true, scope: 'public' } }

/**
 * OpenAPI 3.1 from the very schemas that validate, at `/openapi.json`; a page to read and try it at `/docs`; and `/`, which
 * leads to both. The document is made at the first request for it, since its packages would take a quarter of the start of
 * every service.
 */
export function createDocumentationRoutes(options: AppOptions): {
  /** The OpenAPI document of the routes that were added to the app. */
  describe(): Promise<object>
  addTo(app: App, authentication: Authentication | undefined): Promise<void>
} {
  const routes: RouteOptions[] = []
  let opening: Promise<FastifyInstance> | undefined

  function documentation(): Promise<FastifyInstance> {
    opening ??= import('./app.ts')
      .then(({ createDocumentation }) => createDocumentation(routes, options))
      .catch((error: unknown) => {
        opening = undefined
        throw error
      })
    return opening
  }

  const describe = async () => (await documentation()).swagger()

  async function addTo(app: App, authentication: Authentication | undefined): Promise<void> {
    app.addHook('onRoute', (route) => {
      if (route.method !== 'HEAD' && route.schema?.hide !== true) routes.push(route)
    })
    if (options.hasOwnHome !== true) addHome(app, options)
    const keep = createJsonKeeper(jsonType)
    const secure = createSecurity(authentication)
    app.get('/openapi.json', hidden, async (_, reply) => {
      const own = await describe()
      return sendKept(reply, keep(secure(options.openapi === undefined ? own : await options.openapi(own))))
    })
    addPage(app, options, authentication)
    app.get('/docs/static/:name', hidden, async ({ url, params }, reply) => {
      const file = (await documentationFiles()).get(String(Object(params).name))
      if (file === undefined) throw new AppError('not_found', `There is nothing at GET ${url}.`)
      if (file.type === htmlType) reply.header('content-security-policy', contentSecurityPolicy([]))
      return sendKept(reply, file)
    })
  }

  return { describe, addTo }
}

const Home = Type.Object(
  {
    message: Type.Optional(Type.String()),
    title: Type.String(),
    openapi: Type.String({ description: 'The path of the OpenAPI document.' }),
    docs: Type.String({ description: 'The path of the page to read and try it.' }),
    health: Type.String({ description: 'The path of the health of the service.' }),
  },
  { title: 'Home' },
)

const linkToDocumentation = {
  type: 'string',
  description:
    'The document, its page and the health of the service, as service-desc, service-doc and status (RFC 8631).',
}
const vary = { type: 'string', description: 'Accept, since a browser gets another response.' }

/** Leads browsers to the page, and programs to the document, also by link relations (RFC 8631). */
function addHome(app: App, { title, greeting }: AppOptions): void {
  const schema = {
    tags: ['operation'],
    scope: 'public',
    operationId: 'getHome',
    summary: 'Where the documentation is',
    description: 'A browser is redirected to the page of the documentation; anything else gets its links.',
    response: {
      200: {
        description: 'Where the documentation is.',
        headers: { Link: linkToDocumentation, Vary: vary },
        content: { 'application/json': { schema: Home } },
      },
      303: {
        ...Type.Null({ description: 'To the page of the documentation, for browsers.' }),
        headers: { Vary: vary },
      },
    },
  }
  app.get('/', { schema }, async (request, reply) => {
    const health = app.hasRoute({ method: 'GET', url: '/health' }) ? '/health' : '/health/ready'
    reply.header('vary', 'accept')
    const { accept = '*/*' } = request.headers
    const [json, html] = [qualityOf(accept, jsonType), qualityOf(accept, htmlType)]
    if (json === 0 && html === 0) throw new AppError('not_acceptable', 'Accept must admit JSON or HTML.')
    if (html > json) return reply.redirect('/docs/', 303)
    reply.header(
      'link',
      `</openapi.json>; rel="service-desc", </docs/>; rel="service-doc", <${health}>; rel="status"`,
    )
    const message = greeting === undefined ? {} : { message: greeting }
    const prefix = forwardedPrefixOf(request)
    return {
      ...message,
      title,
      openapi: `${prefix}/openapi.json`,
      docs: `${prefix}/docs/`,
      health: prefix + health,
    }
  })
}

/** The page fetches tokens as well. */
function policyOf(authentication: Authentication | undefined): string {
  const tokens = authentication?.issuers.flatMap((issuer) => issuer.endpoints()?.token ?? []) ?? []
  return contentSecurityPolicy(tokens.map((url) => new URL(url).origin))
}

/** Adds to a document how clients of this server show who they are; the same object while neither has changed. */
function createSecurity(authentication: Authentication | undefined): (document: object) => object {
  if (authentication === undefined) return (document) => document
  let last: { document: object; endpoints: string; secured: object } | undefined
  return (document) => {
    const endpoints = JSON.stringify(authentication.issuers.map((issuer) => issuer.endpoints()))
    if (last?.document !== document || last.endpoints !== endpoints)
      last = { document, endpoints, secured: withAuthentication(document, authentication) }
    return last.secured
  }
}

function addPage(
  app: App,
  { title, relatedPages = [] }: AppOptions,
  authentication: Authentication | undefined,
): void {
  app.get('/docs', hidden, async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const page = documentationPage({
      title,
      base: path.endsWith('/') ? './' : './docs/',
      host: request.hostname,
      related: relatedPages,
    })
    return reply.type(htmlType).header('content-security-policy', policyOf(authentication)).send(page)
  })
  const script = keptContent('text/javascript; charset=utf-8', Buffer.from(pageScript))
  app.get('/docs/page.js', hidden, async (_, reply) => sendKept(reply, script))
  const style = keptContent('text/css; charset=utf-8', Buffer.from(pageStyle))
  app.get('/docs/page.css', hidden, async (_, reply) => sendKept(reply, style))
}
