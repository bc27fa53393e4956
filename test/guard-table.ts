import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request as openRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import type { App } from '@quintet/chassis/http'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { scopes } from '@quintet/contracts/topology'
import type { Scope } from './operations.ts'
import { openTargets } from './targets.ts'
import type { Target } from './targets.ts'

/** Every route of every service, on every way to it, with all that the guard can enable. */

export type Row = {
  readonly title: string
  readonly method: string
  readonly port: number
  readonly target: string
  readonly body: string | undefined
  /** Who may use it: everybody, whoever is somebody, or who has a scope. */
  readonly access: 'public' | 'authenticated' | { readonly scope: string }
  /** Whether lists of addresses are in front of it. */
  readonly isAtGateway: boolean
  readonly isForwarded: boolean
  readonly isOnFastPath: boolean
  /** Whether it is for what watches a process, and so without limits to those who send no credentials. */
  readonly isProbe: boolean
}

export const page = 'https://shop.example'
export const deniedAddress = '198.51.100.7'
/** A request whose sender is not accepted takes half of it. */
const limit = '"client";q=10;w=3600;by="address"'

/** A key with each scope alone, one that lifts ownership as well, and one with all others, by the scope. */
const keys = new Map(
  Object.keys(scopes).map((scope) => {
    const id = scope.replace(':', '-')
    const others = Object.keys(scopes).filter((other) => other !== scope)
    return [
      scope,
      {
        alone: createApiKey({ id, scopes: [scope] }),
        ofAllOwners: createApiKey({ id: `${id}-of-all`, scopes: [...new Set([scope, 'all:read'])] }),
        others: createApiKey({ id: `not-${id}`, scopes: others }),
      },
    ]
  }),
)
const elsewhere = createApiKey({
  id: 'elsewhere',
  scopes: Object.keys(scopes),
  allow: ['203.0.113.0/24'],
})

/** A key that is for other addresses than those of the table. */
export const keyOfElsewhere = elsewhere.key

/** A key that a route accepts, also for what others own, and one that has every scope but that of the route. */
export function keyFor(
  { access }: Pick<Row, 'access'>,
  kind: 'alone' | 'ofAllOwners' | 'others' = 'alone',
): string {
  const found = keys.get(typeof access === 'string' ? 'guid:read' : access.scope)
  assert.ok(found !== undefined)
  return found[kind].key
}

/** The services, of which the gateway and the others have everything on, and the operations of their documents. */
export async function openGuarded(t: Scope): Promise<Target[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-guard-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys')
  const entries = [...keys.values()].flatMap((each) => Object.values(each).map(({ entry }) => entry))
  writeFileSync(file, [...entries, elsewhere.entry].map((entry) => JSON.stringify(entry)).join('\n'))
  return openTargets(
    t,
    settingsOf({
      AUTH: 'required',
      API_KEYS_FILE: file,
      // The discard port, where no issuer is; no request of the table has a token.
      AUTH_ISSUER: 'http://127.0.0.1:9',
      AUTH_AUDIENCE: 'quintet',
      TRUSTED_PROXIES: '127.0.0.1',
      GATEWAY_DENY: '198.51.100.0/24',
      CORS_ORIGINS: page,
      RATE_LIMIT: 'on',
      RATE_LIMIT_AT: 'everywhere',
      RATE_LIMIT_POLICIES: limit,
    }),
  )
}

/** The scope of an operation; undefined for one that is for everybody. */
export function scopeOf({ security, title }: Target): string | undefined {
  assert.ok(security !== undefined, `${title} does not say who may use it.`)
  if (security.length === 0) return undefined
  const alternatives = security.filter((one) => Object.keys(one).length > 0)
  const named = new Set(alternatives.map((one) => String(Object.values(one)[0])))
  const [scope = '', ...others] = named
  assert.ok(others.length === 0 && Object.hasOwn(scopes, scope), `${title} has the scopes ${[...named]}`)
  return scope
}

type Undocumented = Pick<Row, 'method' | 'target' | 'access'> & { readonly route: string }

const ofEverybody: readonly Undocumented[] = [
  ...[
    '/docs',
    '/docs/page.js',
    '/docs/page.css',
    '/openapi.json',
    '/.well-known/oauth-protected-resource',
  ].map((path) => ({ method: 'GET', route: path, target: path, access: 'public' as const })),
  { method: 'GET', route: '/docs/static/:name', target: '/docs/static/swagger-ui.css', access: 'public' },
]

/** The routes of a service that no document has, each with a path that it matches. */
export function undocumentedOf(service: string): readonly Undocumented[] {
  if (service !== 'guid') return ofEverybody
  const withoutGuid = ['GET', 'PATCH', 'DELETE'].map((method) => ({
    ...{ method, route: '/guid', target: '/guid' },
    access: { scope: method === 'GET' ? 'guid:read' : 'guid:write' },
  }))
  return [...ofEverybody, ...withoutGuid]
}

/** A row for each operation, for each route without one and for a path without a route, at each place where it can be requested; with HEAD for each GET. */
export function rowsOf(targets: readonly Target[]): Row[] {
  const rows = targets.map(rowOf)
  const places = new Map(targets.map((target) => [target.port, target]))
  for (const { port, service, isForwarded } of places.values()) {
    const isAtGateway = isForwarded || service === 'gateway'
    const own = undocumentedOf(isAtGateway ? 'gateway' : service)
    const none = { method: 'GET', target: '/nothing', access: 'authenticated' as const }
    for (const { method, target, access } of [...own, none])
      rows.push({
        title: `${method} ${target} of ${service}`,
        ...{ method, port, target, body: undefined, access, isAtGateway },
        ...{ isForwarded: false, isOnFastPath: false, isProbe: false },
      })
  }
  return rows.flatMap((row) => (row.method === 'GET' ? [row, headOf(row)] : [row]))
}

/** Rows for resources that are there, by the targets that get them: at the service on its fast path, and through the gateway. */
export async function rowsOfFastPaths(targets: readonly Target[]): Promise<Row[]> {
  const paths = await createResources(targets)
  const routes = new Map(targets.map(({ app, service }) => [service, app.fastPaths]))
  return [...routes].flatMap(([service, fastPaths]) =>
    fastPaths.flatMap(({ route, prefix }) => {
      const path = paths.find((one) => one.startsWith(prefix) && !one.slice(prefix.length).includes('/'))
      assert.ok(path !== undefined, `No POST of the table creates a ${route}.`)
      const documented = route.replace(/:(\w+)/, '{$1}')
      const found = targets.filter(
        (one) => one.service === service && one.method === 'GET' && one.path === documented,
      )
      return found.map((target): Row => {
        const row = rowOf(target)
        const changed = target.target.replace(target.url.slice(prefix.length), path.slice(prefix.length))
        return { ...row, title: `${row.title} of one that is there`, target: changed, isOnFastPath: true }
      })
    }),
  )
}

/** Sends each POST to its service, and returns the paths of what it has created. */
async function createResources(targets: readonly Target[]): Promise<string[]> {
  const paths: string[] = []
  for (const target of targets.filter(({ method, isForwarded }) => method === 'POST' && !isForwarded)) {
    const row = rowOf(target)
    const { status, values } = await send(row, { key: keyFor(row) })
    const [location] = values('location')
    if (status < 300 && location !== undefined) paths.push(location)
  }
  return paths
}

function rowOf(target: Target): Row {
  const { title, method, port, target: path, mediaTypes, body, service, isForwarded } = target
  const scope = scopeOf(target)
  return {
    title: `${title}${isForwarded ? ' through the gateway' : ''}`,
    ...{ method, port, target: path },
    body: mediaTypes.length > 0 ? JSON.stringify(body) : undefined,
    access: scope === undefined ? 'public' : { scope },
    isAtGateway: isForwarded || service === 'gateway',
    ...{ isForwarded, isOnFastPath: false },
    isProbe: /^\/health\/(?:live|ready)$/.test(path),
  }
}

function headOf(row: Row): Row {
  return { ...row, title: `${row.title} by HEAD`, method: 'HEAD', isOnFastPath: false }
}

export type Response = {
  readonly status: number
  /** The values of the fields with a name, in lower case. */
  values(name: string): string[]
  readonly body: string
  /** What kind of problem it is, if it is one. */
  readonly problem: string | undefined
}

const agent = new Agent({ maxSockets: 8 })
let addresses = 0

/** An address that nobody else has, so that no limit is reached by it. */
export function newAddress(): string {
  addresses += 1
  return `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses & 255}`
}

/** Sends a request of a page, as through a proxy in front of the services; without an address of its own from a new one. */
export async function send(
  { method, port, target, body }: Pick<Row, 'method' | 'port' | 'target' | 'body'>,
  { key, address = newAddress(), headers = {} }: { key?: string; address?: string; headers?: object } = {},
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const fields = {
    'x-forwarded-for': address,
    origin: page,
    ...(key !== undefined && { 'x-api-key': key }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  }
  const request = openRequest({ agent, host: '127.0.0.1', port, method, path: target, headers: fields })
  request.once('error', reject)
  request.once('response', (response) => {
    const { rawHeaders: raw, statusCode: status = 0 } = response
    const received = (chunks: readonly unknown[]): Response => {
      const text = chunks.join('')
      return {
        status,
        values: (name) => raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name),
        body: text,
        problem: /"type":"(?:urn:quintet:problem:|https:[^"#]*#)([\w-]+)"/.exec(text)?.[1],
      }
    }
    response.toArray().then((chunks) => resolve(received(chunks)), reject)
  })
  request.end(body)
  return promise
}

/** Replaces the fast paths of an app by ones that count what they have found. */
export function countFastPaths(app: App): () => number {
  let count = 0
  for (const [i, fastPath] of app.fastPaths.entries())
    app.fastPaths[i] = {
      ...fastPath,
      async find(rest, request) {
        const found = await fastPath.find(rest, request)
        if (found !== undefined) count += 1
        return found
      },
    }
  return () => count
}

/** Every route of an app, without those for HEAD. */
export function routesOf(app: App): string[] {
  const above: string[] = []
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part, methods] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, -]+)\))?$/.exec(line) ?? []
      if (part === undefined) return []
      above.splice(indent.length / 4)
      above.push(part)
      const path = above.join('')
      const named = (methods ?? '').split(', ').filter((method) => method !== '' && method !== 'HEAD')
      return named.map((method) => `${method} ${path}`)
    })
}
