import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerOptions } from 'node:http'
import type { ListenOptions } from 'node:net'
import { AppError } from '../errors/index.ts'
import { createGuard, decisionOf } from '../guard/index.ts'
import type { AddressRefusal } from '../guard/index.ts'
import type { AppOptions, Redirect, Timeouts } from './app-options.ts'
import { respondToOddRequests } from './client-errors.ts'
import type { ClientErrorHandler } from './client-errors.ts'
import { createClosing } from './connections/closing.ts'
import type { LingeringClose } from './connections/lingering-close.ts'
import { oneAtATime } from './connections/pipelining.ts'
import { closeSilently, guarded } from './guarded.ts'
import { respondProblem } from './problem.ts'
import { protect } from './protect.ts'
import { formRefusal } from './request-form.ts'

type RedirectOptions = {
  readonly port: number
  /** Those of the server of the app. */
  readonly http: ServerOptions
  readonly timeouts: Timeouts
  readonly app: Pick<AppOptions, 'trustedProxies' | 'connections' | 'logger' | 'detailAlias'>
  readonly linger: LingeringClose
  readonly clientErrors: ClientErrorHandler
  readonly requestIdOf: (request: IncomingMessage) => string
  readonly record: (request: IncomingMessage, requestId: string, status: number, durationMs: number) => void
  readonly refuseAddress: AddressRefusal | undefined
  /** Whether the certificate is for this name or address. */
  readonly isOfCertificate: (hostname: string) => boolean
}

/**
 * Redirects requests without TLS to the same target with it, one on each connection. The host is one of the certificate, so that
 * nobody makes this server send clients elsewhere. Its connections have the limits of all others.
 */
export function createRedirect(options: RedirectOptions): Redirect {
  const { port, http, timeouts, linger, clientErrors, requestIdOf, record, refuseAddress } = options
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer({ ...http, keepAliveTimeout: timeouts.idleMs })
  let securePort = 0

  const respond: RequestListener = (request, response) => {
    const startedAt = performance.now()
    const requestId = requestIdOf(request)
    response.shouldKeepAlive = false
    response.once('close', () =>
      record(request, requestId, response.statusCode, performance.now() - startedAt),
    )
    const instead = decisionOf(request)?.instead
    if (instead === 'close') return closeSilently(server, request, response)
    const refusal = instead instanceof AppError ? instead : formRefusal(request)
    const found = refusal ?? locationOf(request)
    if (found instanceof AppError) return respondProblem(response, found, requestId, options.app.detailAlias)
    response.writeHead(308, ['x-request-id', requestId, 'content-length', '0', 'location', found]).end()
  }

  function locationOf({ url = '', headers }: IncomingMessage): string | AppError {
    const [, authority = headers.host ?? '', target = url] = absoluteForm.exec(url) ?? []
    const [, hostname = '', statedPort] = hostAndPort.exec(authority) ?? []
    if (hostname === '' || !options.isOfCertificate(hostname))
      return new AppError('misdirected', 'Host must be a name of the certificate.')
    // Where clients use another port than this server does, something maps ports, and maps that of HTTPS as well.
    const isMapped = statedPort === undefined && boundPort() !== 80
    const securePortText = isMapped || securePort === 443 ? '' : `:${securePort}`
    return `https://${hostname}${securePortText}${target.startsWith('/') ? target : `/${target.replace(/^\*$/, '')}`}`
  }

  function boundPort(): number {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  server.setTimeout(timeouts.stallMs)
  server.on('clientError', clientErrors.onClientError)
  const closing = createClosing(server, { linger, lastRequestMs: timeouts.lastRequestMs })
  protect(server, options.app)
  server.on('connection', (socket) => Object.assign(socket, { destroySoon: () => linger.close(socket) }))
  // The lists of addresses alone, as in front of the app.
  const guard = createGuard({}, { server, name: 'redirect', versions: undefined, refuseAddress })
  server.on('request', oneAtATime(guarded(guard, { next: respond, refuse: respond, onGone() {} })))
  respondToOddRequests(server, clientErrors.onConnect)

  return {
    port,
    async listen(listenOptions: ListenOptions, ofApp) {
      securePort = ofApp
      server.listen(listenOptions)
      await once(server, 'listening')
      return boundPort()
    },
    boundPort,
    async close() {
      closing.begin()
      await closing.endConnections()
      if (server.listening) {
        server.close()
        await once(server, 'close')
      }
      closing.stop()
    },
  }
}

/** RFC 9112, 3.2.2: its authority counts, not the Host field. */
const absoluteForm = /^https?:\/\/([^/?#]+)(.*)$/is
const hostAndPort = /^([\w.-]+|\[[\da-f:.]+\])(?::(\d+))?$/i
