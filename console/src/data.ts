import type { IncomingHttpHeaders } from 'node:http'
import { createShared } from '@quintet/chassis/concurrency'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { topology } from '@quintet/contracts/topology'
import type { Topology } from '@quintet/contracts/topology'
import { collectionsIn } from './collections.ts'
import { getJson } from './get-json.ts'
import type { Limits } from './get-json.ts'
import type { ConsoleParts } from './parts.ts'
import type { Send } from './send.ts'
import { CollectionList } from './wire/index.ts'
import type { Collection } from './wire/index.ts'

const operation = describeOperations('data')
const prefix = '/api/data'
/** How long the documents of the APIs are not read again. */
const documentMs = 10_000

type Parts = Pick<ConsoleParts, 'services'> & {
  /** The services whose paths the gateway forwards; those of this system by default. */
  readonly entries?: Topology
  /** Those that differ from the limits of `getJson`. */
  readonly limits?: Limits
}

/**
 * What the services hold, read through the gateway by the same requests as any client's, so that their rules apply. The result gives the
 * lists whose paths have no parameters; none without the gateway.
 */
export function addData(app: App, parts: Parts): { collections(): Promise<Collection[]> } {
  const { services, limits } = parts
  const isForwarded = forwardedBy(parts.entries ?? topology)
  const collections = createShared(
    async () => {
      const { url, send } = gatewayOf(services)
      const { text } = await getJson(`${url}/openapi.json`, { ...limits, send })
      return collectionsIn(JSON.parse(text))
    },
    { keepMs: documentMs },
  )

  app.get(
    prefix,
    operation('listCollections', 'List what the services have lists of', {
      description:
        'Every operation of their APIs that responds with a list, from their OpenAPI documents. Behind `/api/data` the path of any GET of theirs, such as `/api/data/guids?limit=10`, responds as the gateway does to it, with the `Authorization` or the API key of the request.',
      response: { 200: CollectionList, ...problems(401, 502, 503, 504) },
    }),
    async () => ({ data: await collections() }),
  )

  app.get(
    `${prefix}/*`,
    // OpenAPI describes no path of several segments by one parameter (3.1.1, 4.8.8.2).
    { schema: { hide: true } },
    async (request, reply) => {
      // The path of an absolute form, or one with needless percent-encoding, would become a part of the host.
      const target = request.url.startsWith(`${prefix}/`) ? request.url.slice(prefix.length) : '/'
      const { url, send } = gatewayOf(services)
      if (!isForwarded(target)) throw new AppError('not_found', 'No service has such a path.')
      const fields = credentialsOf(request.headers)
      const { status, headers, text } = await getJson(url + target, { ...limits, send, fields })
      for (const name of ['content-type', 'etag', 'retry-after', 'www-authenticate']) {
        const value = headers.get(name)
        if (value !== null) reply.header(name, value)
      }
      const link = headers.get('link')
      if (link !== null) reply.header('link', link.replaceAll('</', `<${prefix}/`))
      reply.statusCode = status
      return reply.send(text)
    },
  )

  return {
    collections: async () =>
      (await collections().catch(() => [])).filter(({ parameters }) => parameters.length === 0),
  }
}

/** The credentials of a request, and nothing else of it. */
function credentialsOf({ authorization, 'x-api-key': key }: IncomingHttpHeaders): Record<string, string> {
  return {
    ...(authorization !== undefined && { authorization }),
    ...(typeof key === 'string' && { 'x-api-key': key }),
  }
}

function gatewayOf(services: Parts['services']): { readonly url: string; readonly send: Send } {
  const gateway = services.find(({ name }) => name === 'gateway')
  const url = gateway?.url() ?? ''
  if (gateway === undefined || url === '') throw dependencyDown('The address of the gateway is not known.')
  return { url: url.replace(/\/$/, ''), send: gateway.send }
}

/** Whether the gateway forwards a path to a service, by the list of services. */
function forwardedBy(entries: Topology): (target: string) => boolean {
  const paths = Object.values(entries).flatMap((entry) => Object.keys(entry.paths))
  return (target) => {
    // As it would be requested: without dot segments.
    const { pathname } = new URL(`http://gateway${target}`)
    return paths.some((path) => pathname === path || pathname.startsWith(`${path}/`))
  }
}
