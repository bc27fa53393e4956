import type { Clock } from '@quintet/chassis/clock'
import type { StartTimer } from './exchange-timer.ts'
import { createSecureOpening } from './open-socket.ts'
import type { UpstreamTls } from './open-socket.ts'
import type { ExchangeListener, HttpConnection, UpstreamRequest } from './connection.ts'
import { createHttpConnection } from './connection.ts'

type HttpClientOptions = {
  /** Where to connect. */
  readonly url: URL
  /** The Host of the requests; that of the URL by default. */
  readonly host?: string
  readonly timeoutMs: number
  readonly clock: Clock
  /** For an address with `https:`. */
  readonly tls?: UpstreamTls | undefined
  /** Other timers than Node's, for tests. */
  readonly startTimer?: StartTimer
}

const limits = {
  readBufferBytes: 65_536,
  connectTimeoutMs: 1_000,
  stallTimeoutMs: 30_000,
  /** Less than the 5 s after which many servers close an idle connection, so that no request meets the close. */
  idleMsMax: 4_000,
  /** Connections in use are as many as the requests that the caller has in flight. */
  idleConnectionsMax: 256,
}

type IdleConnection = {
  readonly connection: HttpConnection
  readonly sinceMs: number
  readonly idleMsMax: number
}

/**
 * An HTTP/1.1 client with keep-alive connections to one upstream, one exchange at a time on each. It is used instead of
 * undici for its CPU cost: 25 us per hop against 43 us (docs/decisions/0006).
 */
export function createHttpClient(options: HttpClientOptions) {
  const { url, timeoutMs, clock, tls, startTimer = setTimeout } = options
  const isSecure = url.protocol === 'https:'
  if (isSecure && tls === undefined) throw new TypeError('There is nothing to verify a certificate by.')
  const all = new Set<HttpConnection>()
  // Last in, first out, so that connections which are no longer needed become idle and close.
  const idle: IdleConnection[] = []
  /**
   * Those that became idle in this turn of the event loop. What has arrived on them since then, the end or a second response,
   * is read before the events of the next turn; a request sent before would take it for its own response.
   */
  const fresh: IdleConnection[] = []
  let freshTurn = 0
  const connectionOptions = {
    hostField: `Host: ${options.host ?? url.host}\r\n`,
    host: withoutBrackets(url.hostname),
    port: Number(url.port || (isSecure ? 443 : 80)),
    secure: isSecure && tls ? createSecureOpening(hostnameOf(options), tls) : undefined,
    connectTimeoutMs: Math.min(limits.connectTimeoutMs, timeoutMs),
    timeoutMs,
    stallTimeoutMs: limits.stallTimeoutMs,
    readBuffer: Buffer.allocUnsafeSlow(limits.readBufferBytes),
    startTimer,
    onFree(connection: HttpConnection, keepAliveMs: number): void {
      const idleMsMax = Math.min(keepAliveMs, limits.idleMsMax)
      if (idle.length + fresh.length >= limits.idleConnectionsMax) return void connection.destroy()
      sortByTurn()
      fresh.push({ connection, sinceMs: clock.now(), idleMsMax })
    },
    onClose(connection: HttpConnection): void {
      all.delete(connection)
      for (const list of [idle, fresh]) {
        const at = list.findIndex((kept) => kept.connection === connection)
        if (at >= 0) list.splice(at, 1)
      }
    },
  }

  /** Moves those that became idle in an earlier turn. Comparing turns costs less than a callback at the end of each. */
  function sortByTurn(): void {
    const turn = performance.nodeTiming.uvMetricsInfo.loopCount
    if (turn === freshTurn) return
    freshTurn = turn
    if (fresh.length > 0) idle.push(...fresh.splice(0))
  }

  function reuseIdle(): HttpConnection | undefined {
    sortByTurn()
    for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) {
      const idleMs = clock.now() - kept.sinceMs
      // A clock that was set back says nothing about how long the connection was idle.
      if (idleMs >= 0 && idleMs <= kept.idleMsMax) return kept.connection
      kept.connection.destroy()
    }
    return undefined
  }

  function open(): HttpConnection {
    const connection = createHttpConnection(connectionOptions)
    all.add(connection)
    return connection
  }

  return {
    /** Sends a request, on a new connection if `isFresh`; returns the connection, to pause or abort the exchange. */
    send(request: UpstreamRequest, listener: ExchangeListener, isFresh = false): HttpConnection {
      const connection = (isFresh ? undefined : reuseIdle()) ?? open()
      connection.send(request, listener)
      return connection
    },
    close(): void {
      for (const connection of all) connection.destroy()
    },
  }
}

/** The name of the server, which need not be where to connect. */
function hostnameOf({ url, host }: HttpClientOptions): string {
  return withoutBrackets(host === undefined ? url.hostname : new URL(`${url.protocol}//${host}`).hostname)
}

/** A host without the brackets of IPv6. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
