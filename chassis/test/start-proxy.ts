import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'

type Proxy = {
  /** The URL of the server, through the proxy. */
  through(url: string): string
  /** Closes each connection in place of its next response, until `recover`. */
  dropResponses(): void
  recover(): void
  /** Makes the present connections half-open: they take what is sent, and no response comes back. New ones work. */
  silence(): void
  /** Closes all connections; new ones lead to another server. */
  lead(to: URL): void
}

/**
 * A TCP proxy in front of a server, for faults on the way of its responses. Responses to requests that `isExempt` are passed on
 * while others are dropped.
 */
export async function startProxy(
  t: TestContext,
  target: URL,
  isExempt: (request: string | Buffer) => boolean = () => false,
): Promise<Proxy> {
  let isDropping = false
  let silent = new Set<Socket>()
  let leadsTo = target
  const clients = new Set<Socket>()
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(leadsTo.port), leadsTo.hostname)
    let mayPass = true
    clients.add(client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (bytes) => {
      mayPass = isExempt(bytes)
      upstream.write(bytes)
    })
    client.on('close', () => {
      clients.delete(client)
      upstream.destroy()
    })
    upstream.on('close', () => client.destroy())
    upstream.on('data', (bytes) => {
      if (isDropping && !mayPass) client.destroy()
      else if (!silent.has(client)) client.write(bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  return {
    through: (url) => Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(address.port) }).href,
    dropResponses: () => {
      isDropping = true
    },
    recover: () => {
      isDropping = false
    },
    silence: () => {
      silent = new Set(clients)
    },
    lead: (to) => {
      leadsTo = to
      for (const socket of sockets) socket.destroy()
    },
  }
}
