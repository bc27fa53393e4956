import type { FastifySchema } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Entry } from '../cache/index.ts'
import type { AppError } from '../errors/index.ts'
import { mayRead, rowAccessOf } from '../guard/index.ts'
import type { Owner } from '../guard/index.ts'
import { etagOf, problems, sendRepresentation } from '../http/index.ts'
import type { App, FastifyReply, FastResponse } from '../http/index.ts'

/** A GET by id, for the fast path and for the framework's route. */
type Resource<Key, Found> = {
  /** The path, which ends with its only parameter. */
  url: string
  schema: FastifySchema
  /** The key of an id; undefined for a malformed id. */
  parse: (id: string) => Key | undefined
  /** Without a promise where it can be, so that the response is sent in the same turn. */
  find: (key: Key) => Found | undefined | Promise<Found | undefined>
  represent: (found: Found, id: string) => FastResponse
  /** The owner of what was found; undefined where the resource is everybody's. */
  ownerOf?: (found: Found) => Owner | undefined
  /** Who may read it: by default its owner, and everybody what nobody owns. */
  mayRead?: typeof mayRead
  notFound: (id: string) => AppError
}

/**
 * Serves GET of a resource by its id. The fast path and the route share `parse`, `find` and `represent`, so their responses
 * cannot differ; 404, conditional and negotiated requests are left to the route.
 */
export function getById<Key, Found>(app: App, resource: Resource<Key, Found>): void {
  const { url, schema, parse, find, represent, notFound, ownerOf, mayRead: isReadable = mayRead } = resource
  const colon = url.indexOf(':')
  const parameter = url.slice(colon + 1)

  app.fastPaths.push({
    route: url,
    prefix: url.slice(0, colon),
    find(id, request) {
      const key = parse(id)
      if (key === undefined) return undefined
      const found = find(key)
      return found instanceof Promise
        ? found.then((result) => respond(request, id, result))
        : respond(request, id, found)
    },
  })

  function respond(request: IncomingMessage, id: string, found: Found | undefined): FastResponse | undefined {
    return isVisible(request, found) ? represent(found, id) : undefined
  }

  function isVisible(request: IncomingMessage, found: Found | undefined): found is Found {
    if (found === undefined) return false
    return ownerOf === undefined || isReadable(rowAccessOf(request), ownerOf(found))
  }

  const described = { ...schema, response: { ...Object(schema.response), ...problems(412) } }
  app.get<{ Params: Record<string, string> }>(url, { schema: described }, async ({ params, raw }, reply) => {
    const id = params[parameter] ?? ''
    const key = parse(id)
    const found = key === undefined ? undefined : await find(key)
    if (!isVisible(raw, found)) throw notFound(id)
    const { etag, body } = represent(found, id)
    sendRepresentation(reply, etag, body)
  })
}

/** The representation of a row is the text of its cache entry. */
export function representEntry({ version, text }: Entry): FastResponse {
  return { etag: etagOf(version), body: text }
}

/** Sends the representation of a row. */
export function sendEntry(reply: FastifyReply, entry: Entry): void {
  sendRepresentation(reply, etagOf(entry.version), entry.text)
}
