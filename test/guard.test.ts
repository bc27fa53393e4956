import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { scopes, topology } from '@quintet/contracts/topology'
import {
  countFastPaths,
  deniedAddress,
  keyFor,
  keyOfElsewhere,
  newAddress,
  openGuarded,
  page,
  routesOf,
  rowsOf,
  rowsOfFastPaths,
  scopeOf,
  send,
  undocumentedOf,
} from './guard-table.ts'
import type { Response, Row } from './guard-table.ts'

/** What the guard does on every way to every route of every service: on its fast path, by the framework, and forwarded by the gateway. */

const targets = openGuarded({ after })
const apps = targets.then((all) => new Map(all.map(({ service, app }) => [service, app])))
const table = targets.then(async (all) => {
  const onFastPaths = await rowsOfFastPaths(all)
  return [...onFastPaths, ...rowsOf(all)]
})

const needsNobody = ({ access }: Row) => access === 'public'
const needsScope = ({ access }: Row) => typeof access !== 'string'

/** What a response has in any case: the fields for browsers, and those of the limits where it is limited. */
function checkFields(row: Row, response: Response, hasLimit = !row.isProbe): void {
  const { title } = row
  const { values, status } = response
  const about = `${title} (${status})`
  assert.deepEqual(values('x-content-type-options'), ['nosniff'], about)
  assert.deepEqual(values('referrer-policy'), ['no-referrer'], about)
  const [policy = '', ...policies] = values('content-security-policy')
  assert.match(policy, /^default-src 'none'; .*base-uri 'none'; .*frame-ancestors 'none'$/, about)
  assert.deepEqual(policies, [], about)
  assert.deepEqual(values('access-control-allow-origin'), [page], about)
  assert.ok(
    values('vary').some((value) => /\bOrigin\b/.test(value)),
    about,
  )
  assert.equal(values('x-request-id').length, 1, about)
  for (const name of ['ratelimit', 'ratelimit-policy'])
    assert.equal(values(name).length, hasLimit ? 1 : 0, `${about} ${name}`)
}

/** Checks what a request of a row gets in place of its response. */
function checkRefusal(row: Row, response: Response, status: number, problem: string): void {
  assert.equal(response.status, status, row.title)
  if (row.method !== 'HEAD') assert.equal(response.problem, problem, row.title)
}

/** Sends a request for each row, all at once. */
async function forEach(rows: readonly Row[], check: (row: Row) => Promise<void>): Promise<void> {
  assert.ok(rows.length > 20)
  await Promise.all(rows.map(check))
}

test('Every route of every service is in its document, or one of those that none has', async () => {
  const forwarded = Object.values(topology).flatMap(({ paths }) => Object.keys(paths))
  const isForwarded = (route: string) => forwarded.includes((route.split(' ')[1] ?? '').replace(/\/?\*$/, ''))
  for (const [service, app] of await apps) {
    const documented = (await targets)
      .filter((one) => one.service === service)
      .map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
    const hidden = routesOf(app)
      .filter((route) => !documented.includes(route))
      .filter((route) => service !== 'gateway' || !isForwarded(route))
    const known = undocumentedOf(service).map(({ method, route }) => `${method} ${route}`)
    assert.deepEqual(hidden.toSorted(), known.toSorted(), service)
    assert.ok(
      documented.every((route) => routesOf(app).includes(route)),
      service,
    )
  }
})

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

test('Without a token, what is not for everybody is 401, also where there is no route', async () => {
  const rows = (await table).filter((row) => !needsNobody(row))
  await forEach(rows, async (row) => {
    const response = await send(row)
    checkRefusal(row, response, 401, 'unauthorized')
    const [challenge = '', ...others] = response.values('www-authenticate')
    const metadata = `resource_metadata="http://127.0.0.1:${row.port}/.well-known/oauth-protected-resource"`
    assert.equal(challenge, `Bearer realm="quintet", ${metadata}`, row.title)
    assert.deepEqual(others, [])
    checkFields(row, response)
  })
})

test('With every scope but its own, an operation is 403', async () => {
  await forEach((await table).filter(needsScope), async (row) => {
    const response = await send(row, { key: keyFor(row, 'others') })
    checkRefusal(row, response, 403, 'insufficient-scope')
    const scope = typeof row.access === 'string' ? '' : row.access.scope
    const [challenge = ''] = response.values('www-authenticate')
    assert.ok(challenge.endsWith(`, error="insufficient_scope", scope="${scope}"`), challenge)
    checkFields(row, response)
  })
})

test('With a key that is not for its address, a request is 403, whatever its route', async () => {
  await forEach(await table, async (row) => {
    const response = await send(row, { key: keyOfElsewhere })
    checkRefusal(row, response, 403, 'forbidden')
    assert.deepEqual(response.values('www-authenticate'), [])
    checkFields(row, response, true)
  })
})

/** An address for each port that has used its limit there. */
const exhausted = table.then(async (rows) => {
  const byPort = new Map<number, string>()
  for (const { port } of rows) {
    if (byPort.has(port)) continue
    const address = newAddress()
    const guess = { method: 'GET', port, target: '/nothing', body: undefined }
    // Each takes five units.
    for (let i = 0; i < 2; i++) assert.equal((await send(guess, { address })).status, 401)
    byPort.set(port, address)
  }
  return byPort
})

test('Beyond the limit of an address a request is 429, with a key or without one, but for what watches a process without one', async () => {
  const addresses = await exhausted
  await forEach(await table, async (row) => {
    const address = addresses.get(row.port) ?? ''
    for (const key of [undefined, keyFor(row)]) {
      const response = await send(row, { address, ...(key !== undefined && { key }) })
      const isLimited = !row.isProbe || key !== undefined
      checkFields(row, response, isLimited)
      assert.deepEqual(response.values('www-authenticate'), [], row.title)
      if (!isLimited) {
        assert.equal(response.status, 200, row.title)
        continue
      }
      checkRefusal(row, response, 429, 'quota-exceeded')
      assert.match(response.values('retry-after').join(), /^\d+$/, row.title)
      assert.match(response.values('ratelimit').join(), /^"client";r=0;t=\d+$/, row.title)
    }
  })
})

test('Where no credentials are needed to watch a process, none can be guessed beyond the limit either', async () => {
  const probes = (await table).filter(({ isProbe }) => isProbe)
  assert.ok(probes.length >= 24)
  const guesses = [
    { 'x-api-key': 'qk_ci_guess' },
    { authorization: 'Bearer a.b.c' },
    { authorization: 'Basic YTpi' },
  ]
  const spellings = [(path: string) => `${path}/?a=b`, (path: string) => path.replace('health', '%68ealth')]
  await Promise.all(
    probes.flatMap(({ target, ...row }) =>
      [target, ...spellings.map((spell) => spell(target))].map(async (path, i) => {
        const [address, headers = {}] = [newAddress(), guesses[i]]
        const guess = () => send({ ...row, target: path }, { address, headers })
        const statuses = [(await guess()).status, (await guess()).status, (await guess()).status]
        assert.deepEqual(statuses, [401, 401, 429], `${row.title} ${path} ${Object.keys(headers)}`)
        const withoutCredentials = { authorization: '', 'x-api-key': '' }
        const probe = await send({ ...row, target: path }, { address, headers: withoutCredentials })
        assert.equal(probe.status, 200, `${row.title} ${path}`)
      }),
    ),
  )
})

test('A method that a path does not have is 405 with those that it has, also TRACE, to those with the scope', async () => {
  const rows = (await table).filter((row) => needsScope(row) && row.method !== 'HEAD')
  const methodsOf = new Map<string, Set<string>>()
  await forEach(rows, async (row) => {
    const scope = typeof row.access === 'string' ? '' : row.access.scope
    const key = keyFor({ access: { scope: scope.replace(':read', ':write') } })
    const allowed = await Promise.all(
      ['PROPFIND', 'TRACE'].map(async (method) => {
        const response = await send({ ...row, method, body: undefined }, { key })
        assert.equal(response.status, 405, `${method} of ${row.title}`)
        return response.values('allow').join()
      }),
    )
    assert.equal(allowed[1], allowed[0], row.title)
    const methods = new Set((allowed[0] ?? '').split(', '))
    assert.ok(methods.has(row.method), `${row.title}: ${allowed[0]}`)
    methodsOf.set(row.title, methods)
  })
  assert.ok(methodsOf.size > 20)
})

test('A preflight is 204 with what a page may send, without a token and beyond the limit', async () => {
  const addresses = await exhausted
  await forEach(await table, async (row) => {
    const headers = { 'access-control-request-method': row.method }
    const preflight = { ...row, method: 'OPTIONS', body: undefined }
    const response = await send(preflight, { address: addresses.get(row.port) ?? '', headers })
    assert.deepEqual([response.status, response.body], [204, ''], row.title)
    assert.ok(response.values('access-control-allow-methods').join().includes(row.method), row.title)
    assert.match(response.values('access-control-allow-headers').join(), /\bauthorization\b.*\bx-api-key\b/)
    checkFields(row, response, false)
  })
})

test('From an address that the gateway denies every request is 403, preflights too', async () => {
  await forEach(
    (await table).filter(({ isAtGateway }) => isAtGateway),
    async (row) => {
      const preflight = { ...row, method: 'OPTIONS', body: undefined }
      for (const [request, given] of [
        [row, { key: keyFor(row) }],
        [preflight, { headers: { 'access-control-request-method': row.method } }],
      ] as const) {
        const response = await send(request, { address: deniedAddress, ...given })
        checkRefusal(request, response, 403, 'forbidden')
        checkFields(row, response, false)
      }
    },
  )
})

test('A request of a bad form has the fields of the guard, with or without a token', async () => {
  await forEach(await table, async (row) => {
    if (row.method === 'GET' || row.method === 'HEAD') return
    const headers = { 'transfer-encoding': 'gzip, chunked' }
    const response = await send(row, { headers })
    checkRefusal(row, response, 501, 'not-implemented')
    checkFields(row, response)
  })
})

test('On its fast path a resource is for those with its scope alone, and so it is for the framework and through the gateway', async () => {
  const counts = [...(await apps).values()].map(countFastPaths)
  const found = () => counts.reduce((sum, count) => sum + count(), 0)
  const rows = (await table).filter(({ isOnFastPath }) => isOnFastPath)
  const prefixes = [...(await apps).values()].flatMap(({ fastPaths }) => fastPaths)
  assert.ok(prefixes.length > 0 && rows.length === 2 * prefixes.length)
  for (const row of rows) {
    const before = found()
    const response = await send(row, { key: keyFor(row, 'ofAllOwners') })
    assert.equal(response.status, 200, row.title)
    assert.equal(found(), before + 1, `${row.title} was not on the fast path.`)
    checkFields(row, response)
    for (const key of [undefined, keyFor(row, 'others')]) {
      const refused = await send(row, key === undefined ? {} : { key })
      assert.equal(refused.status, key === undefined ? 401 : 403, row.title)
      checkFields(row, refused)
    }
    const [etag = ''] = response.values('etag')
    const unchanged = await send(row, { key: keyFor(row, 'ofAllOwners'), headers: { 'if-none-match': etag } })
    assert.equal(unchanged.status, 304, row.title)
    checkFields(row, unchanged)
    assert.equal(found(), before + 1, `${row.title} was refused, or left to the framework, too late.`)
    const head = await send({ ...row, method: 'HEAD' }, { key: keyFor(row, 'ofAllOwners') })
    assert.deepEqual([head.status, head.body, head.values('etag')], [200, '', [etag]], row.title)
    checkFields(row, head)
  }
})

test('With its scope alone every operation is served, and what is for everybody without any', async () => {
  for (const row of await table) {
    const response = await send(row, needsNobody(row) ? {} : { key: keyFor(row) })
    const { status } = response
    if (row.access === 'authenticated') assert.equal(status, 404, row.title)
    // A login with a wrong password is 401 as well, without a challenge.
    assert.ok(status !== 403 && status < 500, `${row.title}: ${status}`)
    assert.doesNotMatch(response.values('www-authenticate').join(), /^Bearer/, row.title)
    const isKept = response.values('cache-control').join() !== 'no-store'
    assert.equal(isKept, needsNobody(row), `${row.title}: ${response.values('cache-control')}`)
    checkFields(row, response)
  }
})

test('Metrics and the state of the system are served to this machine, unless a proxy has forwarded the request', async () => {
  const metrics = (await targets).filter((target) => scopeOf(target) === 'quintet:observe')
  assert.ok(metrics.length >= 6)
  for (const [i, { port, target }] of metrics.entries()) {
    const url = `http://127.0.0.1:${port}${target}`
    assert.equal((await fetch(url)).status, 200)
    // In turns, so that the limit of this machine is not used up.
    const field = i % 2 === 0 ? { forwarded: 'for=127.0.0.1' } : { 'x-forwarded-for': newAddress() }
    const forwarded = await fetch(url, { headers: field })
    assert.equal(forwarded.status, 401)
  }
})

test('What the readiness depends on is for those who may observe it, and for anybody else it is a bare status', async () => {
  const ready = (await targets).filter(({ path }) => path === '/health/ready')
  assert.ok(ready.length > 0)
  for (const { port, target } of ready) {
    const row = { method: 'GET', port, target, body: undefined }
    const membersOf = (text: string) => Object.keys(Object(JSON.parse(text)))
    const withoutKey = await send(row)
    assert.deepEqual(membersOf(withoutKey.body), ['status'])
    const withKey = await send(row, { key: keyFor({ access: { scope: 'quintet:observe' } }) })
    assert.deepEqual(membersOf(withKey.body), ['status', 'dependencies'])
    const fromHere = await fetch(`http://127.0.0.1:${port}${target}`)
    assert.deepEqual(membersOf(await fromHere.text()), ['status', 'dependencies'])
  }
})

test('The documentation is for everybody, however its path is written, and what is beside it is not', async () => {
  const [{ port } = { port: 0 }] = await targets
  const statusOf = async (target: string) =>
    (await send({ method: 'GET', port, target, body: undefined })).status
  for (const path of ['/docs', '/docs/', '/openapi.json?x=1', '/docs/static/swagger-ui.css', '/%64ocs'])
    assert.equal(await statusOf(path), 200, path)
  for (const path of ['/docs/x', '/docs/static/x/y', '/docsx', '//docs', '/guid', '/guids?x=/docs'])
    assert.equal(await statusOf(path), 401, path)
})

/** The last one, since it closes the services. */
test('While a service is down, what the gateway responds in its place has the fields of the guard', async () => {
  const rows = (await table).filter(({ isForwarded }) => isForwarded)
  for (const [service, app] of await apps) if (service !== 'gateway') await app.close()
  await forEach(rows, async (row) => {
    const response = await send(row, { key: keyFor(row) })
    assert.ok([502, 503].includes(response.status), `${row.title}: ${response.status}`)
    checkFields(row, response)
  })
})
