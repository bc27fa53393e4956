import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { responseOf } from './exchanges.ts'

type Waiting = { readonly request: IncomingMessage; readonly response: ServerResponse }

/** How many requests may wait behind others: on one connection, and on all; and how many header fields, which are what they take of the memory. */
export type PipeliningLimits = {
  readonly waitingMax: number
  readonly allWaitingMax: number
  readonly allFieldsMax?: number
}

const defaults = { waitingMax: 1_000, allWaitingMax: 10_000, allFieldsMax: 50_000 }

/** Requests that have waited and are begun in one turn of the event loop, on all connections: requests that have not waited come between. */
const begunPerTurnMax = 4

/**
 * Handles the requests of a connection one at a time, in order, where a client sends them without waiting for responses (RFC
 * 9112, 9.3.2); Node would start all that it has received. So a request runs after the effects of those before it, and one connection
 * causes the work of one request at a time. Where too many wait, the connection is closed.
 */
export function oneAtATime(next: RequestListener, given: PipeliningLimits = defaults): RequestListener {
  const limits = { ...defaults, ...given }
  const queues = new Map<Socket, Waiting[]>()
  /** Connections whose next request may begin. */
  let ready: Socket[] = []
  let allWaiting = 0
  let allFields = 0

  function wait(socket: Socket, waiting: Waiting): void {
    const queue = queues.get(socket) ?? begin(socket)
    queue.push(waiting)
    count(waiting, 1)
    const isOver = allWaiting > limits.allWaitingMax || allFields > limits.allFieldsMax
    if (isOver || queue.length > limits.waitingMax) socket.destroy()
  }

  function count({ request }: Waiting, change: 1 | -1): void {
    allWaiting += change
    allFields += (change * request.rawHeaders.length) / 2
  }

  function begin(socket: Socket): Waiting[] {
    const queue: Waiting[] = []
    queues.set(socket, queue)
    socket.once('close', drop)
    responseOf(socket)?.once('close', () => setReady(socket))
    return queue
  }

  function setReady(socket: Socket): void {
    if (ready.length === 0) setImmediate(beginSome)
    ready.push(socket)
  }

  function beginSome(): void {
    const some = ready.slice(0, begunPerTurnMax)
    ready = ready.slice(begunPerTurnMax)
    if (ready.length > 0) setImmediate(beginSome)
    for (const socket of some) proceed(socket)
  }

  function proceed(socket: Socket): void {
    const first = queues.get(socket)?.shift()
    if (first === undefined) {
      drop.call(socket)
      return
    }
    count(first, -1)
    first.response.once('close', () => setReady(socket))
    // A server that closes a connection handles no further request on it (RFC 9112, 9.6).
    if (socket.writable) next(first.request, first.response)
  }

  function drop(this: Socket): void {
    this.off('close', drop)
    for (const waiting of queues.get(this) ?? []) count(waiting, -1)
    queues.delete(this)
  }

  return (request, response) => {
    // A response without a connection stands behind another one.
    if (response.socket === null) wait(request.socket, { request, response })
    else next(request, response)
  }
}
