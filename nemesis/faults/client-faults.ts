import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'

/** Clients that keep what others need. */

const pipelined = 200
const readEveryMs = 1_000

/** Clients that send many requests at once, and read one byte a second of the responses. */
export function slowReaders(url: string, path: string, count = 20): Fault {
  let timer: NodeJS.Timeout | undefined
  return connections('slow readers', url, {
    count,
    onOpen(sockets) {
      const { host } = new URL(url)
      for (const socket of sockets) {
        // Without a listener a socket reads until its buffer is full, and then only what is taken from it.
        socket.pause()
        socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`.repeat(pipelined))
      }
      timer = setInterval(() => {
        for (const socket of sockets) socket.read(1)
      }, readEveryMs).unref()
    },
    onClose: () => clearInterval(timer),
  })
}

/** A client that opens many connections, and sends half of a request on each. */
export function greedyClient(url: string, count = 500): Fault {
  return connections('greedy client', url, {
    count,
    onOpen(sockets) {
      for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nhost: ')
    },
  })
}

type Behaviour = { count: number; onOpen(sockets: readonly Socket[]): void; onClose?(): void }

/** Resolves when each connection is open or refused. */
function connections(name: string, url: string, { count, onOpen, onClose }: Behaviour): Fault {
  let sockets: readonly Socket[] = []
  return fault(
    name,
    async () => {
      const { hostname, port } = new URL(url)
      sockets = Array.from({ length: count }, () => connect(Number(port), hostname).on('error', () => {}))
      await Promise.all(sockets.map(settled))
      onOpen(sockets)
    },
    () => {
      onClose?.()
      for (const socket of sockets) socket.destroy()
    },
  )
}

function settled(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('connect', resolve).once('close', () => resolve())
  })
}
