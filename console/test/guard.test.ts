import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ObservedService } from '@quintet/console/parts'
import { observed } from './observed.ts'
import { openConsole, ownFields, token } from './world.ts'

/** Who may send what, on every operation that the OpenAPI document of the console has. */

const service: ObservedService = {
  ...observed('guid', 'http://127.0.0.1:9'),
  readiness: async () => ({ status: 'ready' }),
}
const services = [service]
const open = openConsole({ after }, {}, { services })
const guarded = openConsole({ after }, { CONSOLE_TOKEN: token }, { services })
const readOnly = openConsole({ after }, { CONSOLE: 'read' }, { services })
const bearer = { authorization: `Bearer ${token}` }

type Operation = {
  readonly method: string
  readonly path: string
  /** Whether it needs no token here. */
  readonly isForAll: boolean
  /** Whether it needs the scope of reading alone, whatever its method. */
  readonly isReading: boolean
}

/** Those of the console itself; the routes that every app has are the chassis' own. */
const operations = open.then(async ({ describe }): Promise<Operation[]> => {
  const paths: Record<string, Record<string, object>> = Object(Object(await describe()).paths)
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replace(/\{\w+\}/g, 'guid'),
      isForAll: path === '/api/session' || path.startsWith('/health/'),
      isReading: JSON.stringify(operation).includes('"quintet:observe"'),
    })),
  )
})
const acting = operations.then((all) =>
  all.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/v1/')),
)

test('The document has the operations of the console', async () => {
  assert.ok((await operations).length >= 10)
  assert.ok((await acting).length >= 5)
})

test('A request for the host of a stranger is 421, on every operation, the page and its files', async () => {
  const { send } = await open
  const others = ['/', '/traces', '/assets/main.js', '/nothing', '/metrics', '/openapi.json', '/docs']
  const all = [...(await operations), ...others.map((path) => ({ method: 'GET', path }))]
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:3001', 'x'])
    for (const { method, path } of all) {
      const { status } = await send(method, path, { headers: { ...ownFields, host } })
      assert.equal(status, 421, `${method} ${path} for ${host}`)
    }
})

test('A host of this machine is admitted by each of its names, whatever its port, and so is one of CONSOLE_HOSTS', async (t) => {
  const { send } = await openConsole(t, { CONSOLE_HOSTS: 'console.example.com', CONSOLE_TOKEN: token })
  for (const host of [
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1:9000',
    '127.1.2.3',
    '[::1]:3001',
    'Console.Example.com:443',
  ])
    assert.equal((await send('GET', '/api/actions', { headers: { ...bearer, host } })).status, 200, host)
})

for (const [title, fields] of [
  ['another origin', { ...ownFields, origin: 'http://evil.example' }],
  ['another port of this machine', { ...ownFields, origin: 'http://127.0.0.1:1' }],
  ['an origin without a name', { ...ownFields, origin: 'null' }],
  ['another site', { ...ownFields, 'sec-fetch-site': 'cross-site' }],
  ['another origin of the site', { ...ownFields, 'sec-fetch-site': 'same-site' }],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded', 'x-quintet-console': '1' }],
  ['what sends no field of the console', { 'content-type': 'application/json' }],
  ['what sends no media type', { 'x-quintet-console': '1' }],
] as const)
  test(`An action is refused to ${title}, on every operation that is no GET`, async () => {
    for (const { send } of [await open, await guarded])
      for (const { method, path } of await acting) {
        const { status } = await send(method, path, { headers: { ...fields, ...bearer } })
        assert.ok(status === 403 || status === 415, `${method} ${path}: ${status}`)
      }
  })

test('A page of another origin causes no look, and no stream', async () => {
  const { send } = await open
  for (const site of ['cross-site', 'same-site'])
    for (const path of ['/api/actions', '/api/services/guid?doctor=1', '/api/live?topics=map']) {
      const headers = { 'sec-fetch-site': site, accept: '*/*' }
      assert.equal((await send('GET', path, { headers })).status, 403, `${site} ${path}`)
    }
  assert.equal((await send('GET', '/api/actions', { headers: { 'sec-fetch-site': 'none' } })).status, 200)
  assert.notEqual((await send('HEAD', '/api/live?topics=map')).status, 200)
})

test('The page itself may act: its own origin is admitted', async () => {
  const { send, url } = await open
  const headers = { ...ownFields, origin: url, 'sec-fetch-site': 'same-origin' }
  assert.equal((await send('DELETE', '/api/session', { headers })).status, 204)
  assert.equal((await send('POST', '/api/services/guid/stop', { headers })).status, 409)
})

test('Where there is a token, every operation but the session and the health is 401 without it, and with another', async () => {
  const { send } = await guarded
  for (const { method, path, isForAll } of await operations) {
    if (isForAll) continue
    const { status, headers } = await send(method, path, { headers: ownFields })
    assert.equal(status, 401, `${method} ${path}`)
    assert.equal(headers['www-authenticate'], 'Bearer realm="quintet"')
  }
  for (const authorization of [`Bearer ${token}x`, 'Basic YTpi', `Bearer ${token.toUpperCase()}`])
    assert.equal((await send('GET', '/api/actions', { headers: { authorization } })).status, 401)
  assert.equal((await send('GET', '/api/actions', { headers: bearer })).status, 200)
})

test('Nobody in particular learns from the session what mode the console is in, and nothing else', async () => {
  const { send } = await guarded
  const session = JSON.parse((await send('GET', '/api/session')).text)
  assert.deepEqual(session, {
    mode: 'full',
    who: '',
    isSignedIn: false,
    byCookie: false,
    version: '',
    docsUrl: '',
    keeps: '',
    collections: [],
  })
})

test('A token becomes a cookie of twelve hours that no script reads, until the session is ended', async (t) => {
  let now = 1_796_000_000_000
  const { send } = await openConsole(t, { CONSOLE_TOKEN: token }, { clock: { now: () => now } })
  const signIn = () => send('POST', '/api/session', { headers: ownFields, body: JSON.stringify({ token }) })
  const cookieOf = async () => {
    const { status, headers } = await signIn()
    assert.equal(status, 200)
    return String(headers['set-cookie'])
  }
  const first = await cookieOf()
  assert.match(first, /^quintet-console=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)
  const [cookie = ''] = first.split(';')
  const read = async (headers: Record<string, string>) =>
    (await send('GET', '/api/actions', { headers })).status
  assert.equal(await read({ cookie: `theme=dark; ${cookie}` }), 200)
  assert.equal(await read({ cookie: `${cookie}x` }), 401)
  now += 43_199_000
  assert.equal(await read({ cookie }), 200)
  now += 1_000
  assert.equal(await read({ cookie }), 401)
  const [second = ''] = (await cookieOf()).split(';')
  await send('DELETE', '/api/session', { headers: { ...ownFields, cookie: second } })
  assert.equal(await read({ cookie: second }), 401)
})

test('The token for telemetry sends traces and lines, and does nothing else', async (t) => {
  const forTelemetry = 'a-token-for-telemetry-that-is-long-enough'
  const settings = { CONSOLE: 'read', CONSOLE_TOKEN: token, CONSOLE_TELEMETRY_TOKEN: forTelemetry }
  const { send } = await openConsole(t, settings, { services })
  const headers = { ...ownFields, authorization: `Bearer ${forTelemetry}` }
  for (const { method, path, isForAll } of await operations) {
    if (isForAll) continue
    const { status } = await send(method, path, { headers, ...(method !== 'GET' && { body: '{}' }) })
    if (path.startsWith('/v1/')) assert.ok(![401, 403].includes(status), `${path}: ${status}`)
    else assert.equal(status, 403, `${method} ${path}`)
  }
  const signIn = await send('POST', '/api/session', {
    headers: ownFields,
    body: JSON.stringify({ token: forTelemetry }),
  })
  assert.equal(signIn.status, 403)
})

test('A client may try ten wrong tokens a minute, and locks nobody out who has the right one', async (t) => {
  let now = 1_796_000_000_000
  const { send } = await openConsole(t, { CONSOLE_TOKEN: token }, { clock: { now: () => now } })
  const signIn = async (one: string) =>
    send('POST', '/api/session', { headers: ownFields, body: JSON.stringify({ token: one }) })
  for (let i = 0; i < 10; i++) assert.equal((await signIn(`wrong ${i}`)).status, 401)
  const refused = await signIn('wrong once more')
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '60')
  assert.equal((await send('GET', '/api/actions', { headers: bearer })).status, 200)
  assert.equal((await signIn(token)).status, 200)
  now += 60_000
  assert.equal((await signIn('wrong again')).status, 401)
})

test('In the mode that reads, every action is 403, and nothing else is, what services record included', async () => {
  const { send } = await readOnly
  for (const { method, path, isForAll, isReading } of await operations) {
    const { status, text } = await send(method, path, { headers: ownFields })
    if (method === 'GET' || isForAll || isReading || path.startsWith('/v1/'))
      assert.notEqual(status, 403, `${method} ${path}`)
    else {
      assert.equal(status, 403, `${method} ${path}`)
      assert.match(text, /The console is read-only/)
    }
  }
})

test('An action is in the list with who, what, on what and what came of it, also where it failed', async (t) => {
  const { send } = await openConsole(t, {}, { services })
  assert.equal((await send('POST', '/api/services/guid/stop', { headers: ownFields })).status, 409)
  const { data } = JSON.parse((await send('GET', '/api/actions')).text)
  const [{ at, ...action }, ...others] = data
  assert.ok(Math.abs(at - Date.now()) < 60_000)
  assert.deepEqual(others, [])
  assert.deepEqual(action, {
    id: 1,
    who: 'anybody on this machine',
    what: 'stop',
    on: 'guid',
    outcome: 'guid runs in another process; stop it there.',
    succeeded: false,
  })
})
