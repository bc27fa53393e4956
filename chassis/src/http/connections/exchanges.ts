import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What Node's server keeps on a connection, without public names. */
type Connection = Socket & {
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
  readonly _httpMessage?: ServerResponse | null
}

/** The response that is being written on a connection. */
export function responseOf({ _httpMessage }: Connection): ServerResponse | undefined {
  return _httpMessage ?? undefined
}

const endless = new WeakSet<ServerResponse>()

/** States that a response has no end of its own, as one of server-sent events: no request behind it on its connection would ever begin. */
export function setEndless(response: ServerResponse): void {
  endless.add(response)
  response.emit('endless')
}

export function isEndless(response: ServerResponse): boolean {
  return endless.has(response)
}

/** The request whose body has not arrived completely. */
export function incompleteRequestOf({ parser }: Connection): IncomingMessage | undefined {
  const request = parser?.incoming
  return request?.complete === false ? request : undefined
}
