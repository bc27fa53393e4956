import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'

/** A service with this handler. */
export async function startUpstream(t: TestContext, handler: RequestListener): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, handler)
  return `http://127.0.0.1:${await listenOn(t, server)}`
}

/** A service that handles raw connections. */
export async function startRawUpstream(
  t: TestContext,
  onConnection: (socket: Socket) => void,
): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${await listenOn(t, server)}`
}

/** The address of a service that does not run. */
export async function absentUpstream(t: TestContext): Promise<string> {
  const server = createServer()
  const port = await listenOn(t, server)
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}
