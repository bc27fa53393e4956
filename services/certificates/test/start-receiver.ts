import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'

export const secret = 'a secret of the receiver'

type Received = { headers: IncomingHttpHeaders; body: string; status: number | undefined }

/** A receiver of notifications that responds with a given status and records what it received. */
export async function startReceiver(t: TestContext, statusOf: () => number | undefined = () => 204) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const status = statusOf()
    received.push({ headers: request.headers, body, status })
    // Without a status the receiver hangs.
    if (status !== undefined) response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000))
  })
  const port = await listenOn(t, server)
  return {
    received,
    settings: {
      CERTIFICATES_NOTIFY_URL: `http://127.0.0.1:${port}/hook`,
      CERTIFICATES_NOTIFY_SECRET: secret,
    },
  }
}

/** Polls until the predicate holds, or for 500 attempts; resolves to the last value. */
export async function eventually<R>(poll: () => Promise<R> | R, holds: (value: R) => boolean): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    const value = await poll()
    if (holds(value) || attempt >= 500) return value
    await pause(10)
  }
}
