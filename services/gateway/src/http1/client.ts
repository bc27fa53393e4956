import type { Clock } from '@quintet/chassis/clock'
import type { ExchangeListener, HttpConnection, UpstreamRequest } from './connection.ts'
import { createHttpConnection } from './connection.ts'

export type HttpClientOptions = {
  readonly url: URL
  readonly timeoutMs: number
  readonly clock: Clock
}

const limits = {
  readBufferBytes: 65_536,
  connectTimeoutMs: 1_000,
  stallTimeoutMs: 30_000,
  /** Less than the 5 s after which many servers close a connection that is idle, lest a request meets that. */
  idleMsMax: 4_000,
}

export type HttpClient = ReturnType<typeof createHttpClient>

/**
 * Keep-alive connections to one upstream, one exchange at a time on each, as many as there are exchanges.
 *
 * It stands here instead of undici because that alone takes what the whole gateway may. In one run a bare answer of
 * `node:http` cost 14 us of CPU, a hop by undici's dispatch 43 us (0.34 of the bare rate) and a hop by this 25 us (0.57);
 * routes, logs, metrics and the circuit come on top, and 0.30 is to be left.
 */
export function createHttpClient({ url, timeoutMs, clock }: HttpClientOptions) {
  const all = new Set<HttpConnection>()
  // The one that was used last is used next, so that what a busy hour has opened can grow old and close.
  const idle: { readonly connection: HttpConnection; readonly sinceMs: number }[] = []
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 80),
    connectTimeoutMs: Math.min(limits.connectTimeoutMs, timeoutMs),
    timeoutMs,
    stallTimeoutMs: limits.stallTimeoutMs,
    readBuffer: Buffer.allocUnsafeSlow(limits.readBufferBytes),
    onFree(connection: HttpConnection): void {
      idle.push({ connection, sinceMs: clock.now() })
    },
    onClose(connection: HttpConnection): void {
      all.delete(connection)
      const at = idle.findIndex((kept) => kept.connection === connection)
      if (at >= 0) idle.splice(at, 1)
    },
  }

  function takeIdle(): HttpConnection | undefined {
    const kept = idle.pop()
    if (kept === undefined) return undefined
    if (clock.now() - kept.sinceMs <= limits.idleMsMax) return kept.connection
    // It was the youngest.
    for (const { connection } of [kept, ...idle.splice(0)]) connection.destroy()
    return undefined
  }

  function open(): HttpConnection {
    const connection = createHttpConnection(options)
    all.add(connection)
    return connection
  }

  return {
    /** Sends a request, on a connection of its own where `isFresh`; gives the connection, to pause it or to give up. */
    send(request: UpstreamRequest, listener: ExchangeListener, isFresh = false): HttpConnection {
      const connection = (isFresh ? undefined : takeIdle()) ?? open()
      connection.send(request, listener)
      return connection
    },
    close(): void {
      for (const connection of all) connection.destroy()
    },
  }
}
