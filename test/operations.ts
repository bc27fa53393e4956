import type { Settings } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { serviceNames } from '@quintet/contracts/topology'
import { documentOf, openInMemory } from '../clients/openapi.ts'

/** The operations that the OpenAPI documents describe, each ready to be sent to its service. */

export type Schema = { readonly [keyword: string]: unknown }
type Parameter = { readonly name: string; readonly in: string; readonly schema: Schema }
export type Operation = {
  /** The service and the operation, for messages. */
  readonly title: string
  readonly service: string
  readonly app: App
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** The path with the examples of its parameters. */
  readonly url: string
  readonly path: string
  readonly description: string
  readonly parameters: readonly Parameter[]
  /** The media types of its body; none without a body. */
  readonly mediaTypes: readonly string[]
  /** The schema of its body, and a body that fits. */
  readonly bodySchema: Schema
  readonly body: Readonly<Record<string, unknown>>
  /** The alternatives of what it requires of who sends the request; undefined if it does not say. */
  readonly security: readonly Schema[] | undefined
}

/** A test, or a file with its hooks, at whose end what it opened is closed. */
export type Scope = { after(end: () => unknown): void }

/** Opens every service on storage in memory, closed at the end of the scope, and reads its document. */
export async function openOperations(t: Scope, more?: Settings): Promise<Operation[]> {
  const operations: Operation[] = []
  for (const service of serviceNames) {
    const app = await openInMemory(service, more)
    t.after(() => app.close())
    const document = plain(await documentOf(app))
    for (const [path, item] of Object.entries(objectAt(document, 'paths')))
      for (const [method, described] of Object.entries(plain(item)))
        operations.push(operationOf({ service, app, document, path, method, described: plain(described) }))
  }
  return operations
}

function operationOf(given: {
  service: string
  app: App
  document: Schema
  path: string
  method: string
  described: Schema
}): Operation {
  const { service, app, document, path, described } = given
  const list: unknown[] = Array.isArray(described.parameters) ? described.parameters : []
  const parameters = list.map((one) => parameterOf(component(document, plain(one))))
  const content = objectAt(objectAt(described, 'requestBody'), 'content')
  const [media = {}] = Object.values(content).map(plain)
  const bodySchema = resolve(document, objectAt(media, 'schema'))
  return {
    title: `${service} ${described.operationId}`,
    service,
    app,
    method: methodOf(given.method),
    path,
    url: path.replace(/\{(\w+)\}/g, (_, name) => examplesInPath[name] ?? '1'),
    description: String(described.description ?? ''),
    parameters,
    mediaTypes: Object.keys(content),
    bodySchema,
    security: Array.isArray(described.security) ? described.security.map(plain) : undefined,
    body: objectAt(media, 'example') === none ? orderExample : objectAt(media, 'example'),
  }
}

const examplesInPath: Readonly<Record<string, string>> = { guid: '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A' }
/** A body of several alternatives has no example of its own. */
const orderExample = {
  timestamp: 1571325625,
  operation: 'BUY',
  issuer_name: 'AAPL',
  total_shares: 2,
  share_price: 80.5,
}

function parameterOf({ name, in: place, schema }: Schema): Parameter {
  return { name: String(name), in: String(place), schema: plain(schema) }
}

/** The schema of an object: the one that is referred to, or the first of alternatives. */
function resolve(document: Schema, schema: Schema): Schema {
  const { $ref: reference, anyOf } = schema
  if (Array.isArray(anyOf) && schema.type === undefined) return resolve(document, plain(anyOf[0]))
  return typeof reference === 'string' ? component(document, schema) : schema
}

/** The object itself, or the component that it refers to. */
function component(document: Schema, value: Schema): Schema {
  if (typeof value.$ref !== 'string') return value
  const [, , kind = '', name = ''] = value.$ref.split('/')
  return objectAt(objectAt(objectAt(document, 'components'), kind), name)
}

function methodOf(method: string): Operation['method'] {
  const known = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).find(
    (one) => one === method.toUpperCase(),
  )
  if (known === undefined) throw new Error(`No test sends ${method}.`)
  return known
}

const none: Schema = {}

function objectAt(parent: Schema, name: string): Schema {
  return parent[name] === undefined ? none : plain(parent[name])
}

function plain(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? { ...value } : none
}
