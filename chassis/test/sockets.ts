import { once } from 'node:events'
import { Server as HttpServer } from 'node:http'
import { connect } from 'node:net'
import type { Server } from 'node:net'
import type { TestContext } from 'node:test'

/** Lets a server listen on a free port of this machine until the test is over; resolves to the port. */
export async function listenOn(t: TestContext, server: Server): Promise<number> {
  t.after(() => {
    server.close()
    if (server instanceof HttpServer) server.closeAllConnections()
  })
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
  return Buffer.concat(await socket.toArray()).toString('latin1')
}
