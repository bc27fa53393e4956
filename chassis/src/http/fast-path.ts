import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Http2Request } from './http2/request.ts'
import { acceptsAtOnce } from './negotiation.ts'
import type { Recorder } from './recorder.ts'
import { jsonType } from './representation.ts'
import { fieldsRefusal } from './request-form.ts'
import type { RequestTraces } from './request-trace.ts'

/** A response of status 200 with its finished JSON. */
export type FastResponse = { readonly etag: string; readonly body: string }

/**
 * GET of one resource without the framework. It may answer only what its route would answer with the same bytes; `getById`
 * makes both of one definition.
 */
export type FastPath = {
  /** The route that its requests are counted under. */
  readonly route: string
  /** The path up to the id. */
  readonly prefix: string
  /** Finds the response by the rest of the path; undefined leaves the request to the framework, and so does a failure. */
  find(rest: string, request: IncomingMessage): FastResponse | undefined | Promise<FastResponse | undefined>
}

/**
 * A listener in front of the framework, whose routing, hooks and reply are a third of the cost of such a response. What it
 * may skip, and what it must not, is in docs/decisions/0018.
 */
export function createFastPathListener(
  next: RequestListener,
  options: {
    fastPaths: readonly FastPath[]
    requestIdOf: (request: IncomingMessage) => string
    /** Counts and logs the request like any other. */
    record: Recorder
    /** Whether the framework refuses who sends the request; undefined where it refuses nobody. */
    isRefused?: ((request: IncomingMessage, fastPath: FastPath) => boolean) | undefined
    traces?: Pick<RequestTraces, 'begin'> | undefined
  },
): RequestListener {
  const { fastPaths, requestIdOf, record, isRefused, traces } = options
  if (fastPaths.length === 0) return next

  function respond(
    request: IncomingMessage,
    response: ServerResponse,
    { route }: FastPath,
    startedAt: number,
    found: FastResponse | undefined,
  ) {
    if (found === undefined) return next(request, response)
    const id = requestIdOf(request)
    send(response, id, found)
    record(request, id, route, 200, performance.now() - startedAt)
  }

  return (request, response) => {
    const path = request.url ?? ''
    const fastPath = isPlainGet(request) ? match(fastPaths, path) : undefined
    if (fastPath === undefined || fieldsRefusal(request) !== undefined || isRefused?.(request, fastPath))
      return next(request, response)
    const startedAt = performance.now()
    const span = traces?.begin(request, fastPath.route)
    const found =
      span === undefined ? attempt(fastPath, path, request) : span.run(() => attempt(fastPath, path, request))
    if (!(found instanceof Promise)) return respond(request, response, fastPath, startedAt, found)
    found.then(
      (result) => respond(request, response, fastPath, startedAt, result),
      () => next(request, response),
    )
  }
}

function match(fastPaths: readonly FastPath[], path: string): FastPath | undefined {
  for (const fastPath of fastPaths) if (path.startsWith(fastPath.prefix)) return fastPath
  return undefined
}

/** What fails here fails again in the framework, which reports it. */
function attempt(fastPath: FastPath, path: string, request: IncomingMessage): ReturnType<FastPath['find']> {
  try {
    return fastPath.find(path.slice(fastPath.prefix.length), request)
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, id: string, { etag, body }: FastResponse): void {
  response.writeHead(200, [
    'x-request-id',
    id,
    'etag',
    etag,
    'content-type',
    jsonType,
    'content-length',
    String(Buffer.byteLength(body)),
  ])
  response.end(body)
}

/** A GET of HTTP/1.1 or HTTP/2 without a body and without a condition that accepts any JSON. */
function isPlainGet(request: IncomingMessage): boolean {
  const { method, headers, httpVersion } = request
  return (
    method === 'GET' &&
    (httpVersion === '1.1' || request instanceof Http2Request) &&
    headers['if-match'] === undefined &&
    headers['if-none-match'] === undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    acceptsAtOnce(headers.accept)
  )
}
