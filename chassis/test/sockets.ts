import { once } from 'node:events'
import { Server as HttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** Lets a server listen on a free port of this machine until the test is over; resolves to the port. */
export async function listenOn(t: TestContext, server: Server): Promise<number> {
  t.after(() => {
    server.close()
    if (server instanceof HttpServer) server.closeAllConnections()
  })
  return listenOnFreePort(server)
}

/** A free port, for a process whose address others need before it listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnFreePort(server)
  server.close()
  await once(server, 'close')
  return port
}

async function listenOnFreePort(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The machine gave no free port.')
  return address.port
}

/** Sends these bytes on a new connection, and reads until it is closed. */
export async function sendBytes(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes, 'latin1')
  return textOf(socket)
}

/** Sends a request, and another one behind it: at once, or when the response to the first has begun. Reads until the connection is closed. */
export async function sendBehind(
  port: number,
  first: string,
  second: string,
  when: 'at once' | 'later',
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(when === 'at once' ? first + second : first)
  if (when === 'later') socket.once('data', () => socket.write(second))
  return textOf(socket)
}

async function textOf(socket: Socket): Promise<string> {
  return Buffer.concat(await socket.toArray()).toString('latin1')
}

/** Resolves when a connection is closed, also by a reset, with which `once(socket, 'close')` rejects. */
export function closeOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('error', () => {}).resume()
  if (socket.closed) resolve()
  else socket.once('close', () => resolve())
  return promise
}
