import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { engines } from '../src/engines.ts'

describe('handshakes', { concurrency: true }, () => {
  for (const engine of Object.values(engines)) {
    const ping = (port: number) => engine.ping(new URL(engine.url(port)))

    test(`A handshake with ${engine.title} rejects a server of another protocol`, async (t) => {
      const stranger = 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'
      await assert.rejects(ping(await listen(t, stranger)), /^Error: 127\.0\.0\.1:\d+ /)
    })

    test(`A handshake with ${engine.title} times out on a silent server`, async (t) => {
      await assert.rejects(ping(await listen(t, undefined)), /does not respond/)
    })

    test(`A handshake with ${engine.title} reports a port on which nothing listens`, async (t) => {
      const port = await listen(t, undefined, 'closed')
      await assert.rejects(ping(port), /ECONNREFUSED/)
    })
  }
})

/** A server that sends the same text to each client and closes the connection, or sends nothing. */
async function listen(
  t: TestContext,
  text: string | undefined,
  then: 'open' | 'closed' = 'open',
): Promise<number> {
  const server = createServer((socket) => {
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    if (text !== undefined) socket.end(text)
    else socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  if (then === 'closed') await new Promise((resolve) => server.close(resolve))
  else t.after(() => server.close())
  return port
}
