import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

/** A TCP proxy on loopback, for faults of the network between a client and a server. */
export type TcpProxy = {
  readonly port: number
  /** The URL of the server, through the proxy. */
  through(url: string): string
  /** Leads new connections there, and closes the present ones. */
  forwardTo(server: string | URL): void
  /** Ends the fault for new connections. Those that lost something stay half-open, since what was sent on them does not come again. */
  pass(): Promise<void>
  /** Resets all connections and refuses new ones. */
  refuse(): void
  /** Accepts connections and what is sent on them, as before, and passes nothing on in either direction. */
  swallow(): void
  /** Passes everything on so much later, in both directions. */
  delay(ms: number): void
  /** Closes each connection in place of its next response, unless its last request is exempt. */
  dropResponses(isExempt?: (request: string | Buffer) => boolean): void
  /** Loses what is sent from now on in one direction of the present connections; they stay open, and new ones work. */
  lose(direction: Direction): void
  /** Resets the present connections (RST); new ones work. */
  reset(): void
  /** Closes the present connections in an orderly way (FIN); new ones work. */
  cut(): void
  close(): void
}

type Direction = 'requests' | 'responses'

/** A proxy in front of a server until the test is over. */
export async function startProxy(t: TestContext, server: string | URL): Promise<TcpProxy> {
  const proxy = await openTcpProxy()
  t.after(proxy.close)
  proxy.forwardTo(server)
  return proxy
}

export async function openTcpProxy(): Promise<TcpProxy> {
  let target: Target | undefined
  let fault: Fault = {}
  const connections = new Set<Connection>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const connection = openConnection(client, fault.isSwallowing ? undefined : target, () => fault)
    connections.add(connection)
    client.once('close', () => connections.delete(connection))
  })
  const port = await listen(server, 0)

  function forEach(action: 'reset' | 'cut'): void {
    for (const connection of connections) connection[action]()
  }
  function refuse(): void {
    server.close()
    forEach('reset')
  }

  return {
    port,
    through: (url) => Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    forwardTo(url) {
      const { hostname, port: to } = new URL(url)
      target = { host: hostname, port: Number(to) }
      forEach('cut')
    },
    async pass() {
      fault = {}
      if (!server.listening) await listen(server, port)
    },
    refuse,
    swallow() {
      fault = { isSwallowing: true }
      for (const connection of connections) connection.lose('requests', 'responses')
    },
    delay(ms) {
      fault = { delayMs: ms }
    },
    dropResponses(isExempt = () => false) {
      fault = { isExempt }
    },
    lose(direction) {
      for (const connection of connections) connection.lose(direction)
    },
    reset: () => forEach('reset'),
    cut: () => forEach('cut'),
    close: refuse,
  }
}

type Target = { readonly host: string; readonly port: number }

/** What happens to all connections at present. */
type Fault = {
  readonly isSwallowing?: boolean
  readonly delayMs?: number
  /** Defined while responses are dropped. */
  readonly isExempt?: (request: string | Buffer) => boolean
}

type Connection = { lose(...directions: readonly Direction[]): void; reset(): void; cut(): void }

/** A connection that leads nowhere without a target. */
function openConnection(client: Socket, target: Target | undefined, fault: () => Fault): Connection {
  const server = target && connect({ ...target, allowHalfOpen: true })
  const lost = new Set<Direction>()
  let lastRequest: string | Buffer | undefined

  client.on('error', () => {})
  // The end of a client arrives at last, since TCP sends it again; a server would wait for ever otherwise.
  client.on('end', () => lost.has('requests') && client.destroy())
  client.on('close', () => server?.destroy())
  if (server === undefined) client.resume()
  else {
    client.on('data', (bytes) => {
      lastRequest = bytes
    })
    relay(client, server, { delayMs: () => fault().delayMs ?? 0, passes: () => !lost.has('requests') })
    relay(server, client, {
      delayMs: () => fault().delayMs ?? 0,
      passes() {
        const { isExempt } = fault()
        if (isExempt && lastRequest && !isExempt(lastRequest)) client.destroy()
        return !lost.has('responses')
      },
    })
    server.on('error', () => !lost.has('responses') && client.resetAndDestroy())
    server.on('close', () => !lost.has('responses') && client.destroySoon())
  }
  return {
    lose(...directions) {
      for (const direction of directions) lost.add(direction)
    },
    reset() {
      client.resetAndDestroy()
      server?.resetAndDestroy()
    },
    cut() {
      client.end()
      client.destroySoon()
    },
  }
}

/** Passes on what is sent in one direction, and its end, in order. */
function relay(
  from: Socket,
  to: Socket,
  { delayMs, passes }: { delayMs(): number; passes(): boolean },
): void {
  let last: Promise<unknown> = Promise.resolve()
  const inOrder = (action: () => void) => {
    const ms = delayMs()
    const due = ms > 0 ? pause(ms, undefined, { ref: false }) : undefined
    last = last.then(() => due).then(() => passes() && action())
  }
  from.on('data', (bytes) => inOrder(() => void write(bytes)))
  from.on('end', () => inOrder(() => to.end()))

  function write(bytes: string | Buffer): void {
    if (to.write(bytes)) return
    from.pause()
    to.once('drain', () => from.resume())
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  return address.port
}
