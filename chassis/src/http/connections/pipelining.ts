import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf } from '../../guard/index.ts'
import { isEndless, responseOf } from './exchanges.ts'
import { inTurn } from './in-turn.ts'
import { createWaitingRequests } from './waiting-requests.ts'
import type { WaitingRequest } from './waiting-requests.ts'

/** How many requests may wait behind others on one connection, and how much memory they may take on all, as estimated. */
export type PipeliningLimits = {
  readonly waitingMax: number
  readonly allBytesMax: number
}

const defaults: PipeliningLimits = { waitingMax: 1_000, allBytesMax: 67_108_864 }

/**
 * Handles the requests of a connection one at a time, in order, where a client sends them without waiting for responses (RFC
 * 9112, 9.3.2); Node would start all that it has received. So a request runs after the effects of those before it, and one connection
 * causes the work of one request at a time. A connection on which too many wait is closed, or on which one waits for a response without
 * an end; where all take too much memory, it is the connection on which they take most, of the client network that has most.
 */
export function oneAtATime(next: RequestListener, limits: PipeliningLimits = defaults): RequestListener {
  const queues = createWaitingRequests()
  const setReady = inTurn(proceed)

  function wait(socket: Socket, waiting: WaitingRequest): void {
    // The parser continues with the buffered input of a connection that is being closed.
    if (!socket.writable) return
    if (!queues.has(socket)) begin(socket)
    queues.push(socket, waiting)
    const current = responseOf(socket)
    if (current !== undefined && isEndless(current)) closeEndless(socket)
    else if (queues.count(socket) > limits.waitingMax) cut(socket)
    while (queues.bytes() > limits.allBytesMax) {
      const largest = queues.largest()
      if (largest === undefined) return
      cut(largest)
    }
  }

  function begin(socket: Socket): void {
    queues.add(socket, networkOf(socket.remoteAddress))
    socket.once('close', drop)
    const current = responseOf(socket)
    if (current !== undefined) follow(socket, current)
  }

  /** Makes the next request ready when the response to the one before it is over. */
  function follow(socket: Socket, response: ServerResponse): void {
    response.once('close', () => setReady(socket))
    response.once('endless', () => closeEndless(socket))
  }

  function cut(socket: Socket): void {
    drop.call(socket)
    socket.destroy()
  }

  /** Closes a connection in whose response nothing ends; those before it are still sent. */
  function closeEndless(socket: Socket): void {
    if (queues.count(socket) === 0) return
    drop.call(socket)
    socket.destroySoon()
  }

  function proceed(socket: Socket): void {
    const first = queues.shift(socket)
    if (first === undefined) {
      drop.call(socket)
      return
    }
    follow(socket, first.response)
    // A server that closes a connection handles no further request on it (RFC 9112, 9.6).
    if (socket.writable) next(first.request, first.response)
  }

  function drop(this: Socket): void {
    this.off('close', drop)
    queues.remove(this)
  }

  return (request, response) => {
    // A response without a connection stands behind another one.
    if (response.socket === null) wait(request.socket, { request, response })
    else next(request, response)
  }
}
