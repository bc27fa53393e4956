import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { PeerCertificate } from 'node:tls'
import { tlsProtocol } from '@quintet/chassis/tls'

type Init = {
  readonly method?: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Sends a request without a body, and follows no redirect. Rejects with the reason of the signal, or with the error of the connection. */
export type Send = (url: string | URL, init: Init) => Promise<Response>

/** How a server at an `https:` address is verified, all in PEM. */
export type Trust = {
  /** The authorities; those of the system where there are none. */
  readonly ca?: string | undefined
  /** What is shown to the server. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The certificate that this system has for the server: it needs no authority, and may be for other names. */
  readonly own?: string | undefined
}

/** By the authorities of the system. */
export const send: Send = (url, init) => fetch(url, { ...init, redirect: 'manual' })

/** By what `readTrust` reads at each request, so that a renewal of the files needs no restart. */
export function sendTrusting(readTrust: () => Trust): Send {
  return async (url, init) => {
    if (new URL(url).protocol !== 'https:') return send(url, init)
    const { request } = process.getBuiltinModule('node:https')
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request(url, { ...init, ...tlsOptions(readTrust()), agent: false }, resolve)
      .on('error', (error) => reject(init.signal.aborted ? init.signal.reason : error))
      .end()
    return responseOf(await promise)
  }
}

function tlsOptions({ own, ca, cert, key }: Trust) {
  if (own === undefined) return { ...tlsProtocol, ca, cert, key }
  const { checkServerIdentity, getCACertificates } = process.getBuiltinModule('node:tls')
  const { raw } = new X509Certificate(own)
  return {
    ...tlsProtocol,
    ...{ cert, key, ca: [own, ...(ca === undefined ? getCACertificates() : [ca])] },
    allowPartialTrustChain: true,
    checkServerIdentity: (host: string, shown: PeerCertificate) =>
      raw.equals(shown.raw) ? undefined : checkServerIdentity(host, shown),
  }
}

/** Those without a body, which the constructor refuses to give one. */
const emptyStatuses = new Set([204, 205, 304])

function responseOf(message: IncomingMessage): Response {
  const headers = new Headers()
  for (const [name, values = []] of Object.entries(message.headersDistinct))
    for (const value of values) headers.append(name, value)
  const status = message.statusCode ?? 0
  if (!emptyStatuses.has(status)) return new Response(Readable.toWeb(message), { status, headers })
  message.resume()
  return new Response(null, { status, headers })
}
