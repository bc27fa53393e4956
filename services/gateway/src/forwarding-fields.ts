import type { IncomingMessage } from 'node:http'
import { peerAddressOf } from '@quintet/chassis/http'
import type { HeaderField } from './http1/header-fields.ts'

/**
 * Whether a field is one in which proxies state the address or the identity of their client, or its original request. What a client
 * itself writes there is dropped: a service behind the gateway could not distinguish it from what a proxy has written. The name is in
 * lower case with hyphens.
 */
function isOfProxies(name: string): boolean {
  if (name.includes('forward')) return name !== 'max-forwards'
  return address.test(name) || proxyFamily.test(name) || proxyFields.has(name)
}

/** Names that end in an address, as `X-Real-IP`, `X-ARR-ClientIP`, `Remote-Addr` and `CloudFront-Viewer-Address`. */
const address = /(?:^|-|client|connecting|peer|real|remote|socket|source|user)(?:ip(?:v?[46])?|addr(?:ess)?)$/
/** Names that begin alike, as those of an authenticated user, of a certificate of the client, and of the original request. */
const proxyFamily =
  /^(?:(?:x-)?(?:auth-request|authenticated|client-cert|remote|ssl|webauth)|x-(?:accel|amzn-mtls|amzn-oidc|appengine|client-ssl|envoy|goog-authenticated|http-method|ms-client-principal|original|real|rewrite|sendfile|verified)|cf-access|cloudfront-viewer|tailscale)(?:-|$)/
const proxyFields = new Set([
  'front-end-https',
  // Servers that make variables of fields would take it for the setting of a proxy (CVE-2016-5385).
  'proxy',
  'x-custom-ip-authorization',
  'x-host',
  'x-http-host-override',
  'x-method-override',
  'x-scheme',
  'x-url-scheme',
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
  const owner = rewrittenFields.has(canonical) ? 'gateway' : isOfProxies(canonical) ? 'proxy' : 'client'
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
  const before = ((isTrusted ? textOf(headers['x-forwarded-prefix']) : undefined) ?? '').replace(/\/$/, '')
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
