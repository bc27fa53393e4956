import type { IncomingMessage, Server, ServerResponse } from 'node:http'
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

/** How many streams of HTTP/2 are open on a connection. */
const openStreams = new WeakMap<Socket, () => number>()

/** States that a connection has HTTP/2, with this many open streams. */
export function setOpenStreams(socket: Socket, count: () => number): void {
  openStreams.set(socket, count)
}

/** Whether a connection has HTTP/2, and streams that are open. */
export function hasOpenStreams(socket: Socket): boolean {
  return (openStreams.get(socket)?.() ?? 0) > 0
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

/** Node's list of the connections of a server, which has no public name. */
type ConnectionsList = {
  idle(): { readonly socket: Socket | null }[]
  expired(headMs: number, requestMs: number): { readonly socket: Socket | null }[]
}

/** None before the server listens. */
function connectionsOf(server: Server): ConnectionsList | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  return Reflect.get(server, symbol ?? '')
}

/** The connections between two requests, or before the first: nothing of a request has arrived, and no response is in progress. */
export function idleConnections(server: Server): Socket[] {
  return socketsOf(connectionsOf(server)?.idle()).filter((socket) => responseOf(socket) === undefined)
}

/** The connections on which a request began this long ago that has not arrived completely. */
export function lateConnections(server: Server, lateMs: number): Socket[] {
  return socketsOf(connectionsOf(server)?.expired(lateMs, lateMs))
}

function socketsOf(parsers: ReturnType<ConnectionsList['idle']> = []): Socket[] {
  return parsers.flatMap(({ socket }) => socket ?? [])
}
