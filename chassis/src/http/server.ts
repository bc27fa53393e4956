import type { FastifyServerFactory } from 'fastify'
import type { IncomingMessage, Server, ServerOptions } from 'node:http'
import type { AddressRefusal } from '../guard/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { AppOptions, Redirect, Timeouts } from './app-options.ts'
import type { ClientErrorHandler } from './client-errors.ts'
import type { LingeringClose } from './connections/lingering-close.ts'
import { responseClassOf, withoutTls, constantFieldsOf } from './guarded-response.ts'
import type { ConstantFields } from './guarded-response.ts'
import { serveHttp2 } from './http2/serve.ts'
import type { Http2 } from './http2/serve.ts'
import type { Recorder } from './recorder.ts'
import { createRedirect } from './redirect.ts'
import { headerBytesMax } from './request-form.ts'
import { createTlsServer } from './tls.ts'

type ServerParts = {
  /** For the framework: what its server is given, or how it is made. */
  readonly framework: { readonly http: ServerOptions; readonly serverFactory?: FastifyServerFactory<Server> }
  readonly constantFields: ConstantFields
  /** Undefined before there is a server, and where it has no HTTP/2. */
  http2(): Http2 | undefined
  /** The server that redirects requests without TLS; undefined where there is none. */
  redirect(parts: RedirectParts): Redirect | undefined
  close(): void
}

type RedirectParts = {
  readonly linger: LingeringClose
  readonly clientErrorsWith: (securityText: string) => ClientErrorHandler
  readonly requestIdOf: (request: IncomingMessage) => string
  readonly record: Recorder
  readonly refuseAddress: AddressRefusal | undefined
}

/** What the server of an app is made of, with TLS or without. */
export function openServer(
  options: AppOptions,
  { timeouts, logger, metrics }: { timeouts: Timeouts; logger: Logger; metrics: Metrics },
): ServerParts {
  const { tls: secure } = options
  const constantFields = secure === undefined ? withoutTls : constantFieldsOf(secure.hsts)
  const http = serverOptions(timeouts, constantFields)
  if (secure === undefined)
    return {
      framework: { http },
      constantFields,
      http2: () => undefined,
      redirect: () => undefined,
      close() {},
    }
  const tls = createTlsServer(secure, { logger, metrics, handshakeMs: timeouts.requestMs })
  let http2: Http2 | undefined
  return {
    http2: () => http2,
    framework: {
      http,
      serverFactory(listener) {
        const server = tls.create(http)
        if (secure.http2 === true) http2 = serveHttp2(server, { timeouts, constantFields })
        server.on('request', listener)
        // The framework sets them on a server of its own.
        Object.assign(server, { keepAliveTimeout: timeouts.idleMs, requestTimeout: timeouts.requestMs })
        return server.setTimeout(timeouts.stallMs)
      },
    },
    constantFields,
    redirect({ record, clientErrorsWith, ...parts }) {
      if (secure.redirectPort === undefined) return undefined
      return createRedirect({
        port: secure.redirectPort,
        http: serverOptions(timeouts, withoutTls),
        timeouts,
        app: options,
        clientErrors: clientErrorsWith(withoutTls.text),
        record: (request, requestId, status, durationMs) =>
          record(request, requestId, undefined, status, durationMs),
        isOfCertificate: tls.isOfCertificate,
        ...parts,
      })
    },
    close() {
      tls.close()
      http2?.stop()
    },
  }
}

function serverOptions({ requestMs, checkIntervalMs }: Timeouts, constantFields: ConstantFields) {
  return {
    ServerResponse: responseClassOf(constantFields),
    maxHeaderSize: headerBytesMax,
    // The framework sets the request timeout too late: until then the server uses the default of `headersTimeout`, 60 s.
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: checkIntervalMs,
    // Both are for `formRefusal`.
    requireHostHeader: false,
    joinDuplicateHeaders: true,
  } satisfies ServerOptions
}
