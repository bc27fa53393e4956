import type { RouteOptions } from 'fastify'
import type { Support } from '../operations.ts'
import { neededScope } from '../route-scopes.ts'
import { headers, parameters, problemResponseOf, sharedResponses } from './shared-components.ts'
import { securityOf, securitySchemes } from './security.ts'
import { usedComponents } from './used-components.ts'

type JsonObject = { [name: string]: unknown }

/** What an operation may send besides what its route lists, because of conditions, the framework, the server or the storage. */
const everywhere = [400, 406, 408, 412, 414, 417, 431, 500, 503, 505]
const withBody = [413, 415]
/** Without a token, or without the scope, where clients are authenticated. */
const withScope = [401, 403]
/** Large pages are made in turn. */
const ofPages = [429]

/** The request header fields and the statuses that a kind of support adds to an operation. */
const supports: Readonly<Record<Support, { parameter: string; statuses: readonly number[] }>> = {
  'Idempotency-Key': { parameter: 'IdempotencyKey', statuses: [409, 422] },
  'respond-async': { parameter: 'PreferRespondAsync', statuses: [] },
  'handling=strict': { parameter: 'PreferHandling', statuses: [] },
  'text/event-stream': { parameter: 'LastEventId', statuses: [] },
}

/**
 * Adds to an OpenAPI document what follows from the routes without being written there: header fields of requests and
 * responses, statuses that every operation has, the server, and descriptions of the tags.
 */
export function completeDocument(
  document: JsonObject,
  routes: readonly RouteOptions[],
  description: string,
): object {
  const { paths, components, ...rest } = document
  const used = new Set<string>(['operation'])
  for (const { method, url, schema } of routes) {
    const item = objectAt(paths, url.replaceAll(/:(\w+)/g, '{$1}'))
    for (const name of [method].flat()) {
      const operation = objectAt(item, name.toLowerCase())
      const needed = neededScope(schema?.scope, name)
      if (schema?.scope !== undefined) operation.security = securityOf(needed)
      completeOperation(operation, name, schema?.supports ?? [], needed !== undefined)
      for (const tag of schema?.tags ?? []) used.add(tag)
    }
  }
  const tags = [...used].map((name) => ({
    name,
    description: name === 'operation' ? 'Health, metrics and where the documentation is.' : description,
  }))
  return {
    ...rest,
    // Relative to the document, so that it is valid under every name of the server and behind every proxy (OpenAPI 3.1.1, 4.8.5).
    servers: [{ url: '.', description: 'The server of this document.' }],
    tags,
    components: usedComponents(paths, {
      ...Object(components),
      headers,
      parameters,
      responses: sharedResponses,
      securitySchemes,
    }),
    paths,
  }
}

function completeOperation(
  operation: JsonObject,
  method: string,
  given: readonly Support[],
  hasScope: boolean,
): void {
  const responses = objectAt(operation, 'responses')
  // The route lists a 412 where its resource has versions; a condition on any other is about its existence.
  const hasVersions = '412' in responses
  const kinds = given.map((name) => supports[name])
  const fields = [
    ...(hasVersions ? ['IfMatch', 'IfNoneMatch'] : []),
    ...kinds.map(({ parameter }) => parameter),
  ]
  if (fields.length > 0)
    operation.parameters = [...listAt(operation, 'parameters'), ...fields.map(parameterRef)]

  const statuses = [
    ...everywhere,
    ...(hasScope ? withScope : []),
    ...('requestBody' in operation ? withBody : []),
    ...(hasParameter(operation, 'limit') ? ofPages : []),
    ...kinds.flatMap(({ statuses }) => statuses),
  ]
  for (const status of statuses) responses[status] ??= problemResponseOf(status)
  if (method === 'GET') responses[304] = { $ref: '#/components/responses/NotModified' }
  if (given.includes('text/event-stream'))
    objectAt(objectAt(responses, '200'), 'content')['text/event-stream'] = { schema: { type: 'string' } }
  for (const [status, response] of Object.entries(responses)) {
    const isShared = '$ref' in Object(response)
    if (isShared) continue
    if (isProblem(response)) responses[status] = problemResponseOf(Number(status))
    else addHeaders(Object(response), headersOf(operation, method, Number(status), given, hasVersions))
  }
}

/** The header fields of a response, by the names of their components. */
function headersOf(
  operation: JsonObject,
  method: string,
  status: number,
  given: readonly Support[],
  hasVersions: boolean,
): Record<string, string> {
  const isSuccess = status < 300
  const isLater = status === 202 && given.includes('respond-async')
  const hasEtag = isSuccess && !isLater && method !== 'DELETE' && (hasVersions || status === 201)
  const isPage = hasParameter(operation, 'cursor') || hasParameter(operation, 'after')
  const hasStream = given.includes('text/event-stream')
  return {
    'X-Request-Id': 'RequestId',
    ...(hasEtag && { ETag: 'ETag' }),
    ...((status === 201 || status === 303 || isLater) && { Location: 'Location' }),
    ...(isLater && { 'Preference-Applied': 'PreferenceApplied', 'Retry-After': 'RetryAfter' }),
    ...([200, 409, 422].includes(status) &&
      given.includes('handling=strict') && { 'Preference-Applied': 'PreferenceApplied' }),
    ...(isSuccess && given.includes('Idempotency-Key') && { 'Idempotency-Replayed': 'IdempotencyReplayed' }),
    ...(isSuccess && isPage && { Link: 'Link' }),
    ...(isSuccess && hasStream && { Vary: 'Vary' }),
  }
}

function addHeaders(response: JsonObject, added: Record<string, string>): void {
  const own: object = Object(response.headers)
  const refs = Object.entries(added).map(([field, name]) => [field, { $ref: `#/components/headers/${name}` }])
  response.headers = { ...Object.fromEntries(refs), ...own }
}

/** Whether a route has listed a response with `problems`, and said no more about it. */
function isProblem(response: unknown): boolean {
  const content: object = Object(Reflect.get(Object(response), 'content'))
  return Object.keys(content).join() === 'application/problem+json'
}

function hasParameter(operation: JsonObject, name: string): boolean {
  return listAt(operation, 'parameters').some((one) => Reflect.get(Object(one), 'name') === name)
}

function parameterRef(name: string): { $ref: string } {
  return { $ref: `#/components/parameters/${name}` }
}

function objectAt(value: unknown, name: string): JsonObject {
  const member: unknown = Reflect.get(Object(value), name)
  if (typeof member === 'object' && member !== null) return Object(member)
  throw new Error(`The document has no ${name}.`)
}

function listAt(value: JsonObject, name: string): unknown[] {
  const member = value[name]
  return Array.isArray(member) ? member : []
}
