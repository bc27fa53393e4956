import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@quintet/chassis/clock'
import { problemResponseOf, sharedResponses, usedComponents } from '@quintet/chassis/http'
import type { Endpoint } from './endpoint.ts'
import { fieldOf, getFrom } from './get-from.ts'
import type { Destination, Service } from './topology.ts'
import type { Upstream } from './upstream.ts'

/** The first request for a document loads what makes it, which takes long on a busy machine. */
const fetchTimeoutMs = 3_000
const target = '/openapi.json'
const cacheTtlMs = 5_000
const addressesTriedMax = 3

type JsonObject = { [name: string]: unknown }

type Part = { readonly service: Service; readonly document: JsonObject | undefined }

/**
 * One OpenAPI document of the whole system: the gateway's own, with the documents of the services under their public paths.
 * Services whose document could not be fetched are named in the description. While no document changes, it is the same object.
 */
export function createApiDocument(
  destinations: readonly Destination[],
  clock: Clock,
): (own: object) => Promise<object> {
  const sources = destinations.map((service) => ({
    service,
    fetchDocument: documentSource(service.upstream),
  }))
  let parts: readonly Part[] = []
  let merged: object | undefined
  let latest: Promise<object> | undefined
  let fetchedAtMs = 0

  async function fetchAndMerge(own: object): Promise<object> {
    const fetched = await Promise.all(
      sources.map(async ({ service, fetchDocument }) => ({ service, document: await fetchDocument() })),
    )
    if (merged !== undefined && fetched.every(({ document }, i) => document === parts[i]?.document))
      return merged
    parts = fetched
    merged = mergeDocuments(own, parts)
    return merged
  }

  return (own) => {
    if (latest === undefined || clock.now() - fetchedAtMs >= cacheTtlMs) {
      fetchedAtMs = clock.now()
      latest = fetchAndMerge(own)
    }
    return latest
  }
}

/**
 * Fetches the document of a service from one of its addresses that serves, undefined if that fails; one that has not changed is the same
 * object as before.
 */
function documentSource({ endpoints }: Pick<Upstream, 'endpoints'>): () => Promise<JsonObject | undefined> {
  let last: { readonly etag: string; readonly document: JsonObject } | undefined

  async function fetchFrom(endpoint: Endpoint): Promise<JsonObject | undefined> {
    const fields: Record<string, string> = last === undefined ? {} : { 'if-none-match': last.etag }
    const { head, body } = await getFrom(endpoint, { target, fields, timeoutMs: fetchTimeoutMs })
    if (head.status === 304) return last?.document
    const document: unknown = JSON.parse(body.toString())
    if (head.status !== 200 || !isObject(document)) return undefined
    const etag = fieldOf(head, 'etag')
    last = etag === undefined ? undefined : { etag, document }
    return document
  }

  return async () => {
    const serving = endpoints().toSorted((one, other) => rankOf(one) - rankOf(other))
    for (const endpoint of serving.slice(0, addressesTriedMax)) {
      const document = await fetchFrom(endpoint).catch(() => undefined)
      if (document !== undefined) return document
    }
    return undefined
  }
}

function rankOf({ circuit, isReady }: ReturnType<Upstream['endpoints']>[number]): number {
  return circuit.state() !== 'closed' ? 2 : isReady() ? 0 : 1
}

/** Adds each service's document to the gateway's own. */
export function mergeDocuments(own: object, parts: readonly Part[]): object {
  const merged: JsonObject = structuredClone({ ...own })
  Object.assign(memberOf(memberOf(merged, 'components'), 'responses'), sharedResponses)
  for (const operation of operationsOf(memberOf(merged, 'paths'))) addProblems(operation, [429])
  const unavailable: string[] = []
  for (const { service, document } of parts) {
    if (document === undefined) unavailable.push(service.name)
    else addDocument(merged, document, service)
  }
  if (unavailable.length > 0) {
    const info = memberOf(merged, 'info')
    info.description = `${info.description}\n\nNot available at the moment: ${unavailable.join(', ')}.`
  }
  merged.components = usedComponents(merged.paths, memberOf(merged, 'components'))
  return merged
}

/** The statuses that the gateway itself sends for any request that it forwards. */
const statusesOfGateway = [408, 429, 431, 502, 503, 504]

function addDocument(merged: JsonObject, document: JsonObject, service: Service): void {
  const references = addComponents(memberOf(merged, 'components'), document, service.name)
  const paths = memberOf(merged, 'paths')
  const operationIds = new Set(operationsOf(paths).map(({ operationId }) => operationId))
  addTag(merged, service.name, memberOf(document, 'info').description)
  for (const [path, item] of Object.entries(memberOf(document, 'paths'))) {
    const publicPath = publicPathOf(path, service)
    if (publicPath === undefined || !isObject(item)) continue
    const renamed = rename(item, references)
    if (!isObject(renamed)) continue
    for (const operation of operationsOf({ [path]: renamed }))
      adoptOperation(operation, operationIds, service.name)
    paths[publicPath] = renamed
  }
}

/** Adds the components, renamed where a name is taken; returns the references that changed. */
function addComponents(merged: JsonObject, document: JsonObject, service: string): Map<string, string> {
  const references = new Map<string, string>()
  // The services are taken to have the security schemes of the gateway itself.
  const components = Object.entries(memberOf(document, 'components')).flatMap(([kind, named]) =>
    isObject(named) && kind !== 'securitySchemes'
      ? Object.entries(named).map(([name, component]) => ({ kind, name, component }))
      : [],
  )
  for (const { kind, name, component } of components) {
    const taken = memberOf(merged, kind)[name]
    if (taken !== undefined && !isDeepStrictEqual(taken, component))
      references.set(`#/components/${kind}/${name}`, `#/components/${kind}/${service}_${name}`)
  }
  for (const { kind, name, component } of components) {
    const isRenamed = references.has(`#/components/${kind}/${name}`)
    memberOf(merged, kind)[isRenamed ? `${service}_${name}` : name] = rename(component, references)
  }
  return references
}

/** A service is one tag, described as in its own document. */
function addTag(merged: JsonObject, name: string, description: unknown): void {
  const others = Array.isArray(merged.tags) ? merged.tags.filter((tag) => Object(tag).name !== name) : []
  merged.tags = [...others, { name, ...(typeof description === 'string' && { description }) }]
}

function adoptOperation(operation: JsonObject, operationIds: Set<unknown>, service: string): void {
  operation.tags = [service]
  addProblems(operation, statusesOfGateway)
  if (operation.operationId === undefined) return
  if (operationIds.has(operation.operationId)) operation.operationId = `${service}_${operation.operationId}`
  operationIds.add(operation.operationId)
}

function addProblems(operation: JsonObject, statuses: readonly number[]): void {
  const responses = memberOf(operation, 'responses')
  for (const status of statuses) responses[status] ??= problemResponseOf(status)
}

/** The gateway's path for a path of a service; undefined if the gateway does not forward it. */
function publicPathOf(path: string, { paths }: Service): string | undefined {
  for (const [publicPath, pathThere] of Object.entries(paths))
    if (path === pathThere || path.startsWith(`${pathThere}/`))
      return publicPath + path.slice(pathThere.length)
  return undefined
}

/** The operations of these paths; the other members of a path item have no responses. */
function operationsOf(paths: JsonObject): JsonObject[] {
  return Object.values(paths)
    .flatMap((item) => (isObject(item) ? Object.values(item) : []))
    .filter(isObject)
    .filter((member) => 'responses' in member)
}

/** A copy with the changed references replaced. */
function rename(value: unknown, references: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((member) => rename(member, references))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const target = name === '$ref' && typeof member === 'string' ? references.get(member) : undefined
      return [name, target ?? rename(member, references)]
    }),
  )
}

/** The object at this member, created if missing. */
function memberOf(object: JsonObject, name: string): JsonObject {
  const member = object[name]
  if (isObject(member)) return member
  const made: JsonObject = {}
  object[name] = made
  return made
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
