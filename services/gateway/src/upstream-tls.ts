import type { SecureContext } from 'node:tls'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { followTlsFiles, tlsProtocol } from '@quintet/chassis/tls'
import type { TlsFiles } from '@quintet/chassis/tls'
import type { UpstreamTls } from './http1/open-socket.ts'

/** The authorities and the certificate of connections to services at `https:` addresses, which follow their files. */
export function followUpstreamTls(files: TlsFiles, logger: Logger): UpstreamTls & { close(): void } {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  let context: SecureContext | undefined
  if (Object.values(files).every((file) => file === undefined))
    return { context: () => (context ??= createSecureContext(tlsProtocol)), close() {} }
  const failures = createFailureLog(logger, {
    failing: 'changed files of TLS for the services cannot be used, so those before still hold; correct them',
    recovered: 'the files of TLS for the services can be used again',
  })
  const stop = followTlsFiles(files, {
    changed({ cert, key, ca }) {
      context = createSecureContext({ ...tlsProtocol, cert, key, ca })
    },
    failed: failures.failed,
    succeeded() {
      failures.succeeded()
      logger.info({}, 'the files of TLS for the services have changed')
    },
  })
  return { context: () => (context ??= createSecureContext(tlsProtocol)), close: stop }
}
