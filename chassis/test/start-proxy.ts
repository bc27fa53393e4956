import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A TCP proxy in front of a server that can drop its responses together with the connection. */
export async function startProxy(t: TestContext, target: URL) {
  let isDropping = false
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (bytes) => upstream.write(bytes)).on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', (bytes) => (isDropping ? client.destroy() : client.write(bytes)))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  return {
    through: (url: string) => Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href,
    dropResponses: () => {
      isDropping = true
    },
    recover: () => {
      isDropping = false
    },
  }
}
