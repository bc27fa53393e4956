import type { IncomingMessage } from 'node:http'

/**
 * The path of a request as routes match it, so that no other spelling of it passes a limit by: without the query and without the
 * server of an absolute target (RFC 9112, 3.2.2), decoded, and without a slash at its end.
 */
export function routedPathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const start = url.startsWith('/') ? 0 : pathStart(url)
  const query = url.indexOf('?', start)
  const path = url.slice(start, query < 0 ? undefined : query)
  const decoded = path.includes('%') ? decode(path) : path
  return decoded.length > 1 && decoded.endsWith('/') ? decoded.slice(0, -1) : decoded
}

/** Where the path begins in `http://host/path`. A slash behind a question mark is one of the query. */
function pathStart(url: string): number {
  const host = url.indexOf('://')
  const start = host < 0 ? -1 : url.indexOf('/', host + 3)
  const query = url.indexOf('?', host + 3)
  return start < 0 || (query >= 0 && query < start) ? url.length : start
}

/** As the router does it; a path that cannot be decoded has no route. */
function decode(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
