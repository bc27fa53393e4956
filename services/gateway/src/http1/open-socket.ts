import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { tlsProtocol } from '@quintet/chassis/tls'

/** The authorities and the certificate of the hop as they are now; another object whenever they have changed. */
export type UpstreamTls = { context(): SecureContext }

export type SocketOptions = {
  /** Where to connect. */
  readonly host: string
  readonly port: number
  /** Shared by all connections: each read is consumed or copied before the next. */
  readonly readBuffer: Buffer
  /** Opens a connection with TLS; undefined without. */
  readonly secure?: OpenSecure | undefined
}

type OpenSecure = (options: ConnectionOptions) => TLSSocket

/** Connects; `onRead` gets the bytes in a buffer that the next read overwrites, and returns whether to read on. */
export function openSocket(
  { host, port, readBuffer, secure }: SocketOptions,
  onRead: (bytes: Buffer) => boolean,
): Socket {
  const callback = (bytesRead: number) => onRead(readBuffer.subarray(0, bytesRead))
  const options = { host, port, noDelay: true, onread: { buffer: readBuffer, callback } }
  return secure === undefined ? connect(options) : secure(options)
}

/** The event of a socket by which it is established: with TLS, once the certificate of the other side has been verified. */
export function establishedEvent(socket: Socket): 'connect' | 'secureConnect' {
  return 'encrypted' in socket ? 'secureConnect' : 'connect'
}

/**
 * Opens connections with TLS to the server of this name or address, which its certificate must be for. They resume the session of those
 * before, so that most handshakes need no signature. Nothing is sent before the certificate has been verified.
 */
export function createSecureOpening(hostname: string, tls: UpstreamTls): OpenSecure {
  const { connect: connectSecurely } = process.getBuiltinModule('node:tls')
  const { isIP } = process.getBuiltinModule('node:net')
  let context: SecureContext | undefined
  let session: Buffer | undefined

  return (options) => {
    const current = tls.context()
    // A session of other authorities proves nothing to these.
    if (current !== context) session = undefined
    context = current
    const socket = connectSecurely({
      ...tlsProtocol,
      ...options,
      secureContext: current,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      // An address is verified as it is, and is no server name (RFC 6066, 3).
      ...(isIP(hostname) === 0 ? { servername: hostname } : { host: hostname }),
      ...(session !== undefined && { session }),
    })
    socket.cork()
    socket.once('secureConnect', () => socket.uncork())
    socket.on('session', (next) => {
      if (context === current) session = next
    })
    return socket
  }
}
