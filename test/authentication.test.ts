import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { scopes } from '@quintet/contracts/topology'
import { openTargets } from './targets.ts'
import type { Target } from './targets.ts'

/** Who may do what, for every operation of every service where clients are authenticated, sent to it and through the gateway. */

const folder = mkdtempSync(join(tmpdir(), 'quintet-authentication-'))
after(() => rmSync(folder, { recursive: true }))

/** A key with each scope alone, and one with all others, by the scope. */
const keys = new Map(
  Object.keys(scopes).map((scope) => {
    const id = scope.replace(':', '-')
    const others = Object.keys(scopes).filter((other) => other !== scope)
    return [
      scope,
      {
        alone: createApiKey({ id, scopes: [scope] }),
        others: createApiKey({ id: `not-${id}`, scopes: others }),
      },
    ]
  }),
)
const file = join(folder, 'keys')
const lines = [...keys.values()].flatMap(({ alone, others }) => [alone.entry, others.entry])
writeFileSync(file, lines.map((entry) => JSON.stringify(entry)).join('\n'))

const targets = openTargets({ after }, settingsOf({ AUTH: 'required', API_KEYS_FILE: file }))

/** The scope of an operation; undefined for one that is for everybody. */
function scopeOf({ security, title }: Target): string | undefined {
  assert.ok(security !== undefined, `${title} does not say who may use it.`)
  if (security.length === 0) return undefined
  const alternatives = security.filter((one) => Object.keys(one).length > 0)
  const named = new Set(alternatives.map((one) => String(Object.values(one)[0])))
  const [scope = '', ...others] = named
  assert.ok(others.length === 0 && Object.hasOwn(scopes, scope), `${title} has the scopes ${[...named]}`)
  return scope
}

/** Sends the operation through a proxy, as it seems, so that it does not come from this machine. */
async function send({ port, target, method, body, mediaTypes }: Target, key?: string) {
  const response = await fetch(`http://127.0.0.1:${port}${target}`, {
    method,
    redirect: 'manual',
    headers: {
      'x-forwarded-for': '192.0.2.7',
      ...(key !== undefined && { 'x-api-key': key }),
      ...(mediaTypes.length > 0 && { 'content-type': 'application/json' }),
    },
    ...(mediaTypes.length > 0 && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const challenge = response.headers.get('www-authenticate') ?? ''
  return { status: response.status, challenge, type: /"type":"urn:quintet:problem:([\w-]+)"/.exec(text)?.[1] }
}

test('Every operation says in its document who may use it: everybody, or who has its scope', async () => {
  const all = await targets
  const named = new Set(all.map(scopeOf))
  for (const scope of Object.keys(scopes).filter((one) => !/^(all:|quintet:admin)/.test(one)))
    assert.ok(named.has(scope), `No operation needs ${scope}.`)
  const open = all
    .filter((target) => scopeOf(target) === undefined)
    .map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual([...new Set(open)].sort(), [
    'GET /',
    'GET /health/live',
    'GET /health/ready',
    'GET /healthcheck',
  ])
})

test('Reading needs a scope to read, and any other method one to write', async () => {
  for (const target of await targets)
    assert.match(
      scopeOf(target) ?? '',
      target.method === 'GET' ? /^$|:read$|:observe$/ : /:write$/,
      target.title,
    )
})

for (const [title, keyOf, expected] of [
  ['Without a token', () => undefined, { status: 401, type: 'unauthorized' }],
  [
    'With every scope but its own',
    (scope: string) => keys.get(scope)?.others.key,
    { status: 403, type: 'insufficient-scope' },
  ],
] as const)
  test(`${title}, every operation that is not for everybody is refused, at its service and at the gateway`, async () => {
    for (const target of await targets) {
      const scope = scopeOf(target)
      if (scope === undefined) continue
      const { challenge, ...refusal } = await send(target, keyOf(scope))
      assert.deepEqual(refusal, expected, `${target.title} on port ${target.port}`)
      assert.match(challenge, /^Bearer realm="quintet"/)
      if (refusal.status === 403)
        assert.ok(challenge.endsWith(`error="insufficient_scope", scope="${scope}"`))
    }
  })

test('With its scope alone, every operation is served, at its service and through the gateway', async () => {
  for (const target of await targets) {
    const scope = scopeOf(target)
    const { status, challenge } = await send(
      target,
      scope === undefined ? undefined : keys.get(scope)?.alone.key,
    )
    assert.ok(status !== 403 && status < 500, `${target.title}: ${status}`)
    assert.doesNotMatch(challenge, /^Bearer/)
  }
})

test('Metrics and the state of the system are served to this machine, unless a proxy has forwarded the request', async () => {
  const metrics = (await targets).filter((target) => scopeOf(target) === 'quintet:observe')
  assert.ok(metrics.length >= 6)
  for (const { port, target } of metrics) {
    const url = `http://127.0.0.1:${port}${target}`
    assert.equal((await fetch(url)).status, 200)
    const forwarded = await fetch(url, { headers: { forwarded: 'for=127.0.0.1' } })
    assert.equal(forwarded.status, 401)
  }
})

test('A path without a route shows no one without a token that it has none', async () => {
  for (const port of new Set((await targets).map((target) => target.port))) {
    const url = `http://127.0.0.1:${port}/nothing`
    assert.equal((await fetch(url)).status, 401)
    const headers = { 'x-api-key': keys.get('guid:read')?.alone.key ?? '' }
    assert.equal((await fetch(url, { headers })).status, 404)
  }
})

test('The documentation is for everybody, however its path is written, and what is beside it is not', async () => {
  const [{ port } = { port: 0 }] = await targets
  const statusOf = async (path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' })).status
  for (const path of ['/docs', '/docs/', '/openapi.json?x=1', '/docs/static/swagger-ui.css', '/%64ocs'])
    assert.equal(await statusOf(path), 200, path)
  for (const path of ['/docs/x', '/docs/static/x/y', '/docsx', '//docs', '/guid', '/guids?x=/docs'])
    assert.equal(await statusOf(path), 401, path)
})

test('A response from the cache is for those with its scope alone', async () => {
  const created = (await targets).find(
    ({ title, isForwarded }) => title === 'inventory addMovie' && !isForwarded,
  )
  assert.ok(created !== undefined)
  const url = `http://127.0.0.1:${created.port}/api/movies`
  const keyOf = (scope: string, kind: 'alone' | 'others') => ({
    'x-api-key': keys.get(scope)?.[kind].key ?? '',
  })
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...keyOf('movies:write', 'alone') },
    body: JSON.stringify(created.body),
  })
  const movie = new URL(response.headers.get('location') ?? '', url)
  const statusOf = async (headers = {}) => (await fetch(movie, { headers })).status
  for (const round of [1, 2])
    assert.equal(await statusOf(keyOf('movies:read', 'alone')), 200, `round ${round}`)
  assert.equal(await statusOf(keyOf('movies:read', 'others')), 403)
  assert.equal(await statusOf(), 401)
})

test('What the readiness depends on is for those who may observe it, and for anybody else it is a bare status', async () => {
  const ready = (await targets).filter(({ path }) => path === '/health/ready')
  assert.ok(ready.length > 0)
  for (const { port } of ready) {
    const read = async (headers: Record<string, string>) =>
      Object.keys(Object(await (await fetch(`http://127.0.0.1:${port}/health/ready`, { headers })).json()))
    const remote = { 'x-forwarded-for': '192.0.2.7' }
    assert.deepEqual(await read(remote), ['status'])
    assert.deepEqual(await read({}), ['status', 'dependencies'])
    const key = keys.get('quintet:observe')?.alone.key ?? ''
    assert.deepEqual(await read({ ...remote, 'x-api-key': key }), ['status', 'dependencies'])
  }
})
