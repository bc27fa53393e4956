/**
 * A field that `Connection` names though it is for all recipients, in lower case; undefined if there is none. No sender may name one
 * (RFC 9110, 7.6.1): the gateway would drop the field, so a service behind it would take the request for one without its condition,
 * key or type. Others may be named, as the extensions of a proxy, and Content-Length, which the gateway writes itself.
 */
export function nominatedEndToEndField(connection: string | undefined): string | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  for (const member of connection.split(',')) {
    const name = member.trim().toLowerCase()
    if (endToEnd.has(name) || name.startsWith('x-forwarded-')) return name
  }
  return undefined
}

/** What services, and servers and caches in general, read of a request. */
const endToEnd = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'from',
  'host',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'max-forwards',
  'origin',
  'pragma',
  'prefer',
  'range',
  'referer',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-request-id',
])
