import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { engines } from '../src/engines.ts'

describe('handshakes', { concurrency: true }, () => {
  for (const engine of Object.values(engines)) {
    const greet = (port: number) => engine.greet(new URL(engine.url(port)))

    test(`A handshake with ${engine.title} refuses a server of another kind`, async (t) => {
      const stranger = 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'
      await assert.rejects(greet(await listen(t, stranger)), /^Error: 127\.0\.0\.1:\d+ /)
    })

    test(`A handshake with ${engine.title} gives up on a server that says nothing`, async (t) => {
      await assert.rejects(greet(await listen(t, undefined)), /does not answer/)
    })

    test(`A handshake with ${engine.title} says that nobody listens`, async (t) => {
      const port = await listen(t, undefined, 'closed')
      await assert.rejects(greet(port), /ECONNREFUSED/)
    })
  }
})

/** A server that says the same to everybody, whatever it is told, and hangs up; or says nothing at all. */
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
