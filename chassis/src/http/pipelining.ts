import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { responseOf } from './exchanges.ts'

type Waiting = { readonly request: IncomingMessage; readonly response: ServerResponse }

/** How many requests may wait behind others: on one connection, and on all. */
export type PipeliningLimits = { readonly waitingMax: number; readonly allWaitingMax: number }

const defaults: PipeliningLimits = { waitingMax: 1_000, allWaitingMax: 10_000 }

/**
 * Handles the requests of a connection one at a time, in order, where a client sends them without waiting for responses (RFC
 * 9112, 9.3.2); Node would start all that it has received. So a request runs after the effects of those before it, and one connection
 * causes the work of one request at a time. Where too many wait, the connection is closed.
 */
export function oneAtATime(next: RequestListener, limits: PipeliningLimits = defaults): RequestListener {
  const queues = new Map<Socket, Waiting[]>()
  let allWaiting = 0

  function wait(socket: Socket, waiting: Waiting): void {
    const queue = queues.get(socket) ?? begin(socket)
    queue.push(waiting)
    allWaiting += 1
    if (queue.length > limits.waitingMax || allWaiting > limits.allWaitingMax) socket.destroy()
  }

  function begin(socket: Socket): Waiting[] {
    const queue: Waiting[] = []
    queues.set(socket, queue)
    socket.once('close', drop)
    responseOf(socket)?.once('close', () => proceed(socket))
    return queue
  }

  function proceed(socket: Socket): void {
    const first = queues.get(socket)?.shift()
    if (first === undefined) {
      drop.call(socket)
      return
    }
    allWaiting -= 1
    first.response.once('close', () => proceed(socket))
    // A server that closes a connection handles no further request on it (RFC 9112, 9.6).
    if (socket.writable) next(first.request, first.response)
  }

  function drop(this: Socket): void {
    this.off('close', drop)
    allWaiting -= queues.get(this)?.length ?? 0
    queues.delete(this)
  }

  return (request, response) => {
    // A response without a connection stands behind another one.
    if (response.socket === null) wait(request.socket, { request, response })
    else next(request, response)
  }
}
