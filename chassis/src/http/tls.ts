import { X509Certificate } from 'node:crypto'
import type { Server, ServerOptions } from 'node:http'
import type { ServerOptions as SecureOptions } from 'node:https'
import { isIP } from 'node:net'
import { createFailureLog, Gauge } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { followTlsFiles, tlsProtocol } from '../tls/index.ts'
import type { TlsFiles, TlsTexts } from '../tls/index.ts'

/** TLS on the connections of an app. */
export type TlsOptions = {
  readonly files: TlsFiles
  /** Whether HTTP/2 is offered beside HTTP/1.1 (RFC 7301). */
  readonly http2?: boolean
  /** The value of `Strict-Transport-Security`; without the field where it is empty. */
  readonly hsts?: string
  /** The port for requests without TLS, which are redirected. */
  readonly redirectPort?: number | undefined
}

type TlsServer = {
  create(options: ServerOptions): Server
  /** Whether the certificate is for this name, or this address, of IPv6 in brackets. */
  isOfCertificate(hostname: string): boolean
  close(): void
}

/**
 * Creates the server of an app with TLS, whose files are followed: a new certificate is for the connections that begin after it. Where
 * there are authorities of client certificates, the handshake demands one of them, of probes too. `handshakeMs` is how long it may take.
 */
export function createTlsServer(
  { files, http2 = false }: TlsOptions,
  { logger, metrics, handshakeMs }: { logger: Logger; metrics: Metrics; handshakeMs: number },
): TlsServer {
  let stop = () => {}
  let certificate: X509Certificate | undefined
  return {
    create(options) {
      const { createServer } = process.getBuiltinModule('node:https')
      const hasAuthorities = files.authorities !== undefined
      const secure: SecureOptions = {
        ...options,
        ...tlsProtocol,
        ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
        requestCert: hasAuthorities,
        rejectUnauthorized: hasAuthorities,
        handshakeTimeout: handshakeMs,
      }
      const server = createServer(secure)
      // A client that closes its side of HTTP may read on, but one that does so amid the handshake has gone.
      server.prependListener('secureConnection', (socket) => Object.assign(socket, { allowHalfOpen: true }))
      // Nothing of HTTP can be sent to one whose handshake has failed.
      server.removeAllListeners('tlsClientError').on('tlsClientError', (_error, socket) => socket.destroy())
      stop = follow(files, { logger, metrics }, ({ cert, key, ca }) => {
        server.setSecureContext({ ...tlsProtocol, cert, key, ca })
        certificate = cert === undefined ? undefined : new X509Certificate(cert)
      })
      return server
    },
    isOfCertificate(hostname) {
      const name = hostname.replace(/^\[|\]$/g, '')
      const match = isIP(name) === 0 ? certificate?.checkHost(name) : certificate?.checkIP(name)
      return match !== undefined
    },
    close: () => stop(),
  }
}

function follow(
  files: TlsFiles,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
  use: (texts: TlsTexts) => void,
): () => void {
  const details = { path: files.certificate?.path }
  const failures = createFailureLog(logger, {
    failing: 'changed files of TLS cannot be used, so those before still hold; correct them',
    recovered: 'the files of TLS can be used again',
    details,
  })
  let endsAt = 0
  new Gauge({
    name: 'quintet_tls_certificate_end_timestamp_seconds',
    help: 'When the certificate that is sent to clients ends.',
    registers: [metrics.registry],
    collect() {
      this.set(endsAt / 1_000)
    },
  })
  return followTlsFiles(files, {
    changed(texts) {
      use(texts)
      endsAt = texts.endsAt ?? 0
    },
    failed: failures.failed,
    succeeded() {
      failures.succeeded()
      logger.info(details, 'a certificate has changed')
    },
  })
}
