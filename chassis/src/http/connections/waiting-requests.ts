import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export type WaitingRequest = { readonly request: IncomingMessage; readonly response: ServerResponse }

type Queue = {
  readonly network: string
  readonly requests: (WaitingRequest & { readonly bytes: number })[]
  bytes: number
}

/** What a request takes without its fields and its body, measured roughly. */
const requestBytes = 4_096
/** What a field takes besides its characters, measured as what a process grows by. */
const fieldBytes = 2_048
/** What Node buffers of a body that is not read yet: up to the high-water mark of the stream, and one chunk more. */
const bodyBytesMax = 131_072

/** The requests that wait on each connection, with an estimate of the bytes that they take, by client network. */
export function createWaitingRequests() {
  const queues = new Map<Socket, Queue>()
  const bytesOfNetwork = new Map<string, number>()
  let allBytes = 0

  function change(queue: Queue, bytes: number): void {
    queue.bytes += bytes
    allBytes += bytes
    const left = (bytesOfNetwork.get(queue.network) ?? 0) + bytes
    if (left > 0) bytesOfNetwork.set(queue.network, left)
    else bytesOfNetwork.delete(queue.network)
  }

  return {
    has: (socket: Socket) => queues.has(socket),
    count: (socket: Socket) => queues.get(socket)?.requests.length ?? 0,
    /** On all connections. */
    bytes: () => allBytes,
    add(socket: Socket, network: string): void {
      queues.set(socket, { network, requests: [], bytes: 0 })
    },
    push(socket: Socket, waiting: WaitingRequest): void {
      const queue = queues.get(socket)
      if (queue === undefined) return
      const bytes = bytesOf(waiting.request)
      queue.requests.push({ ...waiting, bytes })
      change(queue, bytes)
    },
    shift(socket: Socket): WaitingRequest | undefined {
      const queue = queues.get(socket)
      const first = queue?.requests.shift()
      if (queue !== undefined && first !== undefined) change(queue, -first.bytes)
      return first
    },
    remove(socket: Socket): void {
      const queue = queues.get(socket)
      if (queue !== undefined) change(queue, -queue.bytes)
      queues.delete(socket)
    },
    /** The connection on which they take most, of the network that has most. */
    largest(): Socket | undefined {
      const [network] = [...bytesOfNetwork].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0])
      let largest: readonly [Socket, number] | undefined
      for (const [socket, queue] of queues)
        if (queue.network === network && queue.bytes > (largest?.[1] ?? 0)) largest = [socket, queue.bytes]
      return largest?.[0]
    },
  }
}

/** By what the head states, since the body may not have arrived. `headers` would make an object of all fields. */
function bytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = requestBytes + url.length
  let body = 0
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    bytes += fieldBytes + name.length + value.length
    if (/^transfer-encoding$/i.test(name)) body = bodyBytesMax
    else if (/^content-length$/i.test(name)) body = Math.max(body, Number(value) || 0)
  }
  return bytes + Math.min(body, bodyBytesMax)
}
