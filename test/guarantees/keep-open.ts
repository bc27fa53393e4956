import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

/** What a hostile client does until it is stopped. */
export type Attack = { readonly name: string; begin(port: number, from?: string): Connections }

type Connections = { stop(): void }

type Options = {
  readonly port: number
  readonly count: number
  readonly first: string | Buffer
  /** The bytes of each interval, by how many it has had before. */
  readonly drip?: string | Buffer | ((turn: number) => Buffer)
  readonly everyMs?: number
  readonly onOpen?: (socket: Socket) => void
  /** Their own address. */
  readonly from?: string | undefined
  /** The protocol to negotiate by TLS. */
  readonly protocol?: 'h2'
}

/** Connections that send `first`, and then `drip` in intervals; those that are closed are opened again. */
export function keepOpen(options: Options): Connections {
  const { count, first, drip = '', everyMs = 1_000, onOpen = (socket) => socket.resume() } = options
  const turns = new Map<Socket, number>()
  let isOver = false

  function open(): void {
    if (isOver) return
    const socket = openSocket(options)
    turns.set(socket, 0)
    socket.on('error', () => {})
    socket.on('close', () => {
      turns.delete(socket)
      setTimeout(open, 50)
    })
    socket.write(first)
    onOpen(socket)
  }

  for (let at = 0; at < count; at += 1) open()
  const timer = setInterval(() => {
    for (const [socket, turn] of turns) {
      turns.set(socket, turn + 1)
      const bytes = typeof drip === 'function' ? drip(turn) : drip
      if (bytes.length > 0) socket.write(bytes)
    }
  }, everyMs)
  return {
    stop() {
      isOver = true
      clearInterval(timer)
      for (const socket of turns.keys()) socket.destroy()
    },
  }
}

function openSocket({ port, from, protocol }: Options): Socket {
  const address = { port, host: '127.0.0.1', ...(from !== undefined && { localAddress: from }) }
  if (protocol === undefined) return connect(address)
  // An attacker needs no proof of whom it attacks.
  return connectSecurely({ ...address, ALPNProtocols: [protocol], rejectUnauthorized: false })
}
