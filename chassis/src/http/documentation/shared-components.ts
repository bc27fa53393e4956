/** The components of OpenAPI that the documents of all services share. */

// An import of node:http would evaluate all of its exports, among them WebSocket and with it undici.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

type Header = { description: string; schema: object; required?: boolean }

const text = { type: 'string' }
const integerText = { type: 'integer', minimum: 0 }

export const headers: Readonly<Record<string, Header>> = {
  RequestId: {
    description: 'The id of the request, under which the log has it: the one that was sent, or a new one.',
    schema: text,
  },
  ETag: {
    description: 'The version of the resource (RFC 9110, 8.8.3), for If-Match and If-None-Match.',
    schema: { ...text, examples: ['"1"'] },
  },
  Location: {
    description: 'The path of what was made, or of what shows how far it is (RFC 9110, 10.2.2).',
    schema: { ...text, format: 'uri-reference' },
  },
  Link: {
    description: 'The next page, with rel="next" (RFC 8288); absent on the last one.',
    schema: { ...text, examples: ['</api/movies?limit=100&cursor=WzEwMF0>; rel="next"'] },
  },
  RetryAfter: { description: 'When to try again, in seconds (RFC 9110, 10.2.3).', schema: integerText },
  IdempotencyReplayed: {
    description: 'true if this is the recorded response to an earlier request with this Idempotency-Key.',
    schema: { ...text, const: 'true' },
  },
  PreferenceApplied: {
    description: 'The preference of the request that was honoured (RFC 7240, 3).',
    schema: text,
  },
  AcceptEncoding: { description: 'The codings that a body may have (RFC 9110, 12.5.3).', schema: text },
  Vary: {
    description: 'The request fields that the response depends on (RFC 9110, 12.5.5).',
    schema: text,
  },
  Allow: { description: 'The methods that are allowed here (RFC 9110, 10.2.1).', schema: text },
  WwwAuthenticate: { description: 'How to authenticate (RFC 9110, 11.6.1).', schema: text },
}

export const parameters: Readonly<Record<string, object>> = {
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description:
      'The ETag of the version that the request is about, several, or * for any that exists. 412 if none is current (RFC 9110, 13.1.1).',
    schema: text,
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description:
      'ETags that the client has, or *. If one is current, a GET gets 304, and any other method 412 (RFC 9110, 13.1.2).',
    schema: text,
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Makes a retry safe: for 24 hours, the same key and request get the first response again; the same key with another request gets 422, and while the first is in progress 409. All clients share the keys of an operation, so a key should be random, such as a UUID.',
    schema: { ...text, minLength: 1, maxLength: 255, pattern: '^[ -~]+$' },
  },
  PreferRespondAsync: {
    name: 'Prefer',
    in: 'header',
    description: '`respond-async`: the response is 202, and the request takes effect later (RFC 7240, 4.1).',
    schema: text,
  },
  LastEventId: {
    name: 'Last-Event-ID',
    in: 'header',
    description:
      'The id of the last event that the client has of a stream; it continues after that one, whatever `after` says (WHATWG HTML, 9.2.4).',
    schema: { ...text, pattern: '^[0-9]{0,16}$' },
  },
  PreferHandling: {
    name: 'Prefer',
    in: 'header',
    description: '`handling=strict`: what is refused gets an error status instead of 200 (RFC 7240, 4.4).',
    schema: text,
  },
}

/** The header fields of problems by status, besides the id of the request. */
const problemHeaders: Readonly<Record<number, readonly (readonly [field: string, component: string])[]>> = {
  401: [['WWW-Authenticate', 'WwwAuthenticate']],
  403: [['WWW-Authenticate', 'WwwAuthenticate']],
  405: [['Allow', 'Allow']],
  409: [['Retry-After', 'RetryAfter']],
  412: [['ETag', 'ETag']],
  415: [['Accept-Encoding', 'AcceptEncoding']],
  429: [['Retry-After', 'RetryAfter']],
  503: [['Retry-After', 'RetryAfter']],
}

const problemDescriptions: Readonly<Record<number, string>> = {
  400: 'The request is malformed, or a field is missing, unknown or invalid; `errors` names each.',
  401: 'The token or the API key is missing or not accepted, or the email and the password do not match.',
  403: 'The token or the API key does not have the scope.',
  404: 'There is no such resource.',
  406: 'Accept excludes what this operation sends.',
  408: 'The request did not arrive in time.',
  409: 'The request conflicts with the present state, or one with its Idempotency-Key is in progress.',
  412: 'If-Match names no current version, or If-None-Match names it.',
  413: 'The body is too large.',
  414: 'The request target is too long.',
  415: 'The body has a media type or a coding that is not supported.',
  417: 'Expect has another value than 100-continue.',
  422: 'The Idempotency-Key was used with another request, or a value cannot be processed.',
  429: 'There were too many requests; Retry-After says when to try again.',
  431: 'The header section is too large.',
  500: 'A fault of the service; its cause is in the log only.',
  502: 'The service refused or closed the connection, or sent an invalid response.',
  503: 'Overloaded, or a dependency is unavailable; Retry-After says when to try again.',
  504: 'The service did not respond in time.',
  505: 'The request has another version of HTTP than 1.0 and 1.1.',
}

const problemSchema = { $ref: '#/components/schemas/Problem' }

export const sharedResponses: Readonly<Record<string, object>> = {
  NotModified: {
    description: 'The client has the current version.',
    headers: headerRefs([
      ['X-Request-Id', 'RequestId'],
      ['ETag', 'ETag'],
    ]),
  },
  ...Object.fromEntries(
    Object.entries(problemDescriptions).map(([status, description]) => [
      responseName(Number(status)),
      {
        description,
        headers: headerRefs([['X-Request-Id', 'RequestId'], ...(problemHeaders[Number(status)] ?? [])]),
        content: {
          'application/problem+json': { schema: problemSchema },
          'application/json': { schema: problemSchema },
        },
      },
    ]),
  ),
}

/** A reference to the response with a problem of this status. */
export function problemResponseOf(status: number): { $ref: string } {
  return { $ref: `#/components/responses/${responseName(status)}` }
}

function responseName(status: number): string {
  return (STATUS_CODES[status] ?? `Status ${status}`).replaceAll(/\W/g, '')
}

function headerRefs(fields: readonly (readonly [string, string])[]): object {
  return Object.fromEntries(fields.map(([field, name]) => [field, { $ref: `#/components/headers/${name}` }]))
}
