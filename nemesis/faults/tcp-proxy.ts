import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

/** A TCP proxy on loopback, for faults of the network between a service and what it uses. */
export type TcpProxy = {
  readonly port: number
  /** Where new connections lead. */
  forwardTo(port: number): void
  /** The URL of the server, through the proxy. */
  through(url: string): string
  /** Ends the fault for new connections. Those that were swallowed stay half-open, since what was sent on them is lost. */
  pass(): Promise<void>
  /** Resets all connections and refuses new ones. */
  refuse(): void
  /** Accepts connections and what is sent on them, as before, and passes nothing on in either direction. */
  swallow(): void
  close(): void
}

export async function openTcpProxy(): Promise<TcpProxy> {
  let target = 0
  let isSwallowing = false
  const connections = new Set<Connection>()
  const server = createServer((client) => {
    const connection = openConnection(client, isSwallowing ? undefined : target)
    connections.add(connection)
    client.once('close', () => connections.delete(connection))
  })
  await listen(server, 0)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  function closeAll(): void {
    server.close()
    for (const connection of connections) connection.destroy()
  }

  return {
    port,
    forwardTo(to) {
      target = to
    },
    through: (url) => Object.assign(new URL(url), { port: String(port) }).href,
    async pass() {
      isSwallowing = false
      if (!server.listening) await listen(server, port)
    },
    refuse: closeAll,
    swallow() {
      isSwallowing = true
      for (const connection of connections) connection.swallow()
    },
    close: closeAll,
  }
}

type Connection = { swallow(): void; destroy(): void }

/** A connection that leads nowhere without a target. */
function openConnection(client: Socket, target: number | undefined): Connection {
  const server = target === undefined ? undefined : connect(target, '127.0.0.1')
  let isSwallowing = false
  client.on('error', () => {})
  client.on('data', (bytes) => !isSwallowing && server?.write(bytes))
  client.on('close', () => server?.destroy())
  server?.on('error', () => {})
  server?.on('data', (bytes) => !isSwallowing && client.write(bytes))
  server?.on('close', () => !isSwallowing && client.destroy())
  return {
    swallow() {
      isSwallowing = true
    },
    destroy() {
      client.resetAndDestroy()
      server?.destroy()
    },
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}
