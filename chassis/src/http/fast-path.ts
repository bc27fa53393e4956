import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** An answer of status 200 whose JSON is at hand; `route` is what its request counts under. */
export type FastResponse = { readonly route: string; readonly etag: string; readonly body: string }

/**
 * Finds the answer to a GET by its path, or undefined to let the framework do it, as it also does when the search fails. It is
 * asked for every GET that comes without conditions, so it must tell by the path alone whether to look any further, and it
 * may answer only what the route itself would answer with the same bytes.
 */
export type FastPath = (path: string) => FastResponse | undefined | Promise<FastResponse | undefined>

/**
 * A listener in front of the framework for answers that are ready as text. The framework's routing, hooks and reply cost as much
 * as the whole of such an answer; everything that is not plain goes on to it.
 */
export function createFastPathListener(
  next: RequestListener,
  options: {
    find: FastPath
    newRequestId: (request: IncomingMessage) => string
    /** Counts and logs the request like any other. */
    record: (
      request: IncomingMessage,
      requestId: string,
      route: string,
      status: number,
      durationMs: number,
    ) => void
    isClosing: () => boolean
  },
): RequestListener {
  const { find, newRequestId, record, isClosing } = options

  function settle(
    request: IncomingMessage,
    response: ServerResponse,
    startedAt: number,
    answer?: FastResponse,
  ) {
    if (answer === undefined) return next(request, response)
    const id = newRequestId(request)
    send(response, id, answer)
    record(request, id, answer.route, 200, performance.now() - startedAt)
  }

  return (request, response) => {
    if (!isPlain(request) || isClosing()) return next(request, response)
    const startedAt = performance.now()
    const answer = attempt(find, request.url ?? '')
    if (!(answer instanceof Promise)) return settle(request, response, startedAt, answer)
    answer.then(
      (found) => settle(request, response, startedAt, found),
      () => next(request, response),
    )
  }
}

/** What fails here fails again behind the framework, which knows how to tell of it. */
function attempt(find: FastPath, path: string): ReturnType<FastPath> {
  try {
    return find(path)
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
    'application/json; charset=utf-8',
    'content-length',
    String(Buffer.byteLength(body)),
  ])
  response.end(body)
}

/** A GET that any JSON answers, with no condition to be judged. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  const { accept } = headers
  return (
    method === 'GET' &&
    headers['if-none-match'] === undefined &&
    (accept === undefined || accept === '*/*' || accept === 'application/json')
  )
}
