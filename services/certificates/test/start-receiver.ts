import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestContext } from 'node:test'

export const secret = 'a secret of the receiver'

export type Received = { headers: IncomingHttpHeaders; body: string }

/** Somebody to be notified, who answers as the test tells, and keeps what was received. */
export async function startReceiver(t: TestContext, answer: () => number | undefined = () => 204) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ headers: request.headers, body })
    const status = answer()
    // Without a status the receiver hangs.
    if (status !== undefined) response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    received,
    settings: {
      CERTIFICATES_NOTIFY_URL: `http://127.0.0.1:${port}/hook`,
      CERTIFICATES_NOTIFY_SECRET: secret,
    },
  }
}

/** Waits until something holds; what it gave last, if that takes too long. */
export async function eventually<R>(look: () => Promise<R> | R, holds: (value: R) => boolean): Promise<R> {
  for (let tries = 0; ; tries++) {
    const value = await look()
    if (holds(value) || tries >= 500) return value
    await pause(10)
  }
}
