import { Agent, request } from 'node:http'

/** What came of a request. */
export type Reply =
  | {
      readonly status: number
      readonly etag: string | undefined
      readonly next: string | undefined
      readonly body: string
    }
  /** The connection was refused: it certainly had no effect. */
  | 'not sent'
  /** The connection broke, or there was no response in time. */
  | 'no response'

export type Request = {
  readonly method: string
  readonly url: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type HttpClient = { send(request: Request): Promise<Reply>; close(): void }

/** Longer than services work on a request, so that most outcomes are known. */
const timeoutMs = 8_000

/** A client with connections of its own, which sends each request once. `onReply` gets what came of each. */
export function createHttpClient(onReply: (request: Request, reply: Reply) => void): HttpClient {
  const agent = new Agent({ keepAlive: true })
  return {
    close: () => agent.destroy(),
    send(one) {
      const { method, url, body, headers = {} } = one
      const { promise, resolve } = Promise.withResolvers<Reply>()
      const content = body === undefined ? undefined : JSON.stringify(body)
      const sent = request(url, {
        method,
        agent,
        headers: {
          ...headers,
          ...(content !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(content),
          }),
        },
        signal: AbortSignal.timeout(timeoutMs),
      })
      sent.on('error', (error) => resolve(isRefusal(error) ? 'not sent' : 'no response'))
      sent.once('response', (response) => {
        const parts: Buffer[] = []
        response.on('data', (part) => parts.push(part))
        response.on('error', () => {}).once('close', () => resolve('no response'))
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            etag: versionOf(response.headers.etag),
            next: /^<([^>]*)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1],
            body: Buffer.concat(parts).toString(),
          }),
        )
      })
      sent.end(content)
      void promise.then((reply) => onReply(one, reply))
      return promise
    },
  }
}

function isRefusal(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNREFUSED'
}

/** The version in an entity tag. */
function versionOf(etag: string | undefined): string | undefined {
  return etag === undefined ? undefined : /^"([^"]*)"$/.exec(etag)?.[1]
}

/** `refused` had no effect, as the documentation of errors says (docs/api.md); `unknown` may have had one. */
export function certaintyOf(reply: Reply): 'known' | 'refused' | 'unknown' {
  if (reply === 'not sent') return 'refused'
  if (reply === 'no response') return 'unknown'
  if (reply.status === 503)
    return /"urn:quintet:problem:outcome-unknown"/.test(reply.body) ? 'unknown' : 'refused'
  if (reply.status >= 500) return 'unknown'
  if (reply.status === 408) return 'unknown'
  return reply.status === 429 ? 'refused' : 'known'
}

/** The members of a JSON object; none where it is not one. */
export function membersOf(reply: Reply): Record<string, unknown> {
  if (typeof reply === 'string') return {}
  try {
    return Object(JSON.parse(reply.body))
  } catch {
    return {}
  }
}
