import type { IncomingMessage } from 'node:http'
import { peerAddressOf } from '@quintet/chassis/http'
import type { HeaderField } from './http1/header-fields.ts'

/**
 * Fields in which proxies state the address of their client and its original request, in lower case. What a client itself writes
 * there is dropped: a service behind the gateway could not distinguish it from what a proxy has written.
 */
const proxyFields = new Set([
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'client-ip',
  'do-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded',
  'forwarded-for',
  'forwarded-for-ip',
  'http-client-ip',
  'http-forwarded',
  'http-x-forwarded-for',
  'proxy-client-ip',
  'remote-addr',
  'remote-address',
  'source-ip',
  'true-client-ip',
  'wl-proxy-client-ip',
  'x-appengine-remote-addr',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-connecting-ip',
  'x-custom-ip-authorization',
  'x-envoy-external-address',
  'x-envoy-original-path',
  'x-host',
  'x-http-host-override',
  'x-nf-client-connection-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-original-remote-addr',
  'x-original-url',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-rewrite-url',
  'x-sendfile-type',
  'x-true-client-ip',
  'x-true-ip',
  'x-url-scheme',
  'x-vercel-forwarded-for',
])

/** Fields that the gateway writes itself. */
const rewrittenFields = new Set([
  'content-length',
  'expect',
  'host',
  'traceparent',
  'tracestate',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-request-id',
])

/** Whether a field is the gateway's own, a proxy's, or the client's, which is forwarded. */
type FieldOwner = 'gateway' | 'proxy' | 'client'

/** As long as `headerField` keeps the field, whose name recurs. */
const owners = new WeakMap<HeaderField, FieldOwner>()

/** Whose a field is. Names are compared as CGI and its successors see them, where `X_Forwarded_For` is `X-Forwarded-For`. */
export function ownerOf(field: HeaderField): FieldOwner {
  const known = owners.get(field)
  if (known !== undefined) return known
  const canonical = field.name.replace(/[^a-z\d]/g, '-')
  const isProxys = canonical.startsWith('x-forwarded') || proxyFields.has(canonical)
  const owner = rewrittenFields.has(canonical) ? 'gateway' : isProxys ? 'proxy' : 'client'
  owners.set(field, owner)
  return owner
}

/**
 * The fields that state the client and its original request. Those of a trusted proxy are continued; otherwise they begin here,
 * since a client can write anything.
 */
export function forwardingFields(
  incoming: IncomingMessage,
  forwarding: { forwardedHost: string | undefined; prefix: string; isTrusted: boolean },
): string {
  const { headers, httpVersion, socket } = incoming
  const { isTrusted } = forwarding
  const peer = peerAddressOf(incoming)
  const forwardedFor = isTrusted ? appendTo(textOf(headers['x-forwarded-for']), peer) : peer
  const host = (isTrusted ? textOf(headers['x-forwarded-host']) : undefined) ?? forwarding.forwardedHost
  const scheme =
    (isTrusted ? textOf(headers['x-forwarded-proto']) : undefined) ??
    ('encrypted' in socket ? 'https' : 'http')
  const before = (isTrusted ? textOf(headers['x-forwarded-prefix']) : undefined) ?? ''
  const prefix = before + forwarding.prefix
  const hostField = host === undefined ? '' : `X-Forwarded-Host: ${host}\r\n`
  const prefixField = prefix === '' ? '' : `X-Forwarded-Prefix: ${prefix}\r\n`
  const via = appendTo(headers.via, `${httpVersion} quintet`)
  return `X-Forwarded-For: ${forwardedFor}\r\n${hostField}${prefixField}X-Forwarded-Proto: ${scheme}\r\nVia: ${via}\r\n`
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ')
}

function appendTo(list: string | undefined, member: string): string {
  return list === undefined || list === '' ? member : `${list}, ${member}`
}
