import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A service with this handler. */
export async function startUpstream(t: TestContext, handler: RequestListener): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, handler)
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return listening(server)
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
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return listening(server)
}

/** The address of a service that does not run. */
export async function absentUpstream(): Promise<string> {
  const server = createServer()
  const url = await listening(server)
  server.close()
  await once(server, 'close')
  return url
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The machine gave no free port.')
  return `http://127.0.0.1:${address.port}`
}
