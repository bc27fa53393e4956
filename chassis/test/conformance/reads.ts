import assert from 'node:assert/strict'
import { listen, securityFields } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { isAbsent, malformedIds } from './suite.ts'
import type { Suite } from './suite.ts'
import { assertProblem, send, sendJson } from './requests.ts'
import type { Headers, Method, Response } from './requests.ts'

/** GET and HEAD, and what is refused before a resource is looked for. */
export function testReads({ service, resource, test }: Suite): void {
  const { path, methods, list } = resource
  const listPath = isAbsent(list) ? [] : [list.path]

  test('an id that names nothing is refused in every method, in the same way', async (world) => {
    const { unusedId, malformedIdStatus = 404, change } = resource
    await world.add(1)
    for (const id of [unusedId, ...malformedIds]) {
      const status = id === unusedId ? 404 : [404, malformedIdStatus]
      const expect = (response: Response, method: Method) =>
        assertProblem(service, response, status, `${method} ${path(id)}`)
      expect(await send(world, 'GET', path(id)), 'GET')
      if (!isAbsent(change))
        expect(await sendJson(world, change.method, path(id), change.body(1)), change.method)
      if (!isAbsent(resource.delete)) expect(await send(world, 'DELETE', path(id)), 'DELETE')
    }
  })

  test('a path without a route is 404', async (world) => {
    const url = await world.add(1)
    for (const unknown of ['/no-such-route', `${url}/no-such-route`])
      assertProblem(service, await send(world, 'GET', unknown), 404, unknown)
  })

  test('another method is 405 with Allow', async (world) => {
    const url = await world.add(1)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      if (methods.split(', ').includes(method)) continue
      const response = await send(world, method, url)
      assertProblem(service, response, 405, method)
      assert.equal(response.headers.allow, methods, method)
    }
  })

  test('Accept without JSON is 406, and an error is of the type that is accepted', async (world) => {
    const url = await world.add(1)
    for (const target of [url, ...listPath]) {
      assertProblem(service, await send(world, 'GET', target, { accept: 'text/html' }), 406, target)
      for (const accept of ['application/json', 'text/html, application/*;q=0.5', '*/*'])
        assert.equal((await send(world, 'GET', target, { accept })).statusCode, 200, accept)
    }
    const missing = await send(world, 'GET', path(resource.unusedId), { accept: 'application/json' })
    assert.equal(missing.headers['content-type'], 'application/json; charset=utf-8')
  })

  test('HEAD has the header fields of GET and no body', async (world) => {
    const url = await world.add(1)
    for (const target of [url, ...listPath, path(resource.unusedId)]) {
      const [got, head] = [await send(world, 'GET', target), await send(world, 'HEAD', target)]
      assert.equal(head.body, '', target)
      assert.equal(head.statusCode, got.statusCode, target)
      assert.deepEqual(comparable(head.headers, 'content-length'), comparable(got.headers, 'content-length'))
    }
  })

  test('each header field of a response is described', async (world) => {
    const { create, change } = resource
    const url = await world.add(1)
    await world.add(2)
    const { paths } = Object(await world.app.describe())
    const expect = (response: Response, method: Method, target: string) =>
      assertDescribed(paths, response, method, target.split('?', 1)[0] ?? '')
    for (const target of ['/', url, ...listPath.map((list) => `${list}?limit=1`)])
      expect(await send(world, 'GET', target), 'GET', target)
    expect(await send(world, 'GET', '/', { accept: 'text/html' }), 'GET', '/')
    if (!isAbsent(create))
      expect(await sendJson(world, 'POST', create.path, create.body(3)), 'POST', create.path)
    if (!isAbsent(change))
      expect(await sendJson(world, change.method, url, change.body(1)), change.method, url)
    if (!isAbsent(resource.delete)) expect(await send(world, 'DELETE', url), 'DELETE', url)
  })

  test('a trailing slash makes no difference', async (world) => {
    const url = await world.add(1)
    for (const target of [url, ...listPath]) {
      const [plain, slashed] = [await send(world, 'GET', target), await send(world, 'GET', `${target}/`)]
      assert.equal(slashed.statusCode, 200)
      assert.equal(slashed.body, plain.body)
      assert.deepEqual(comparable(slashed.headers), comparable(plain.headers))
    }
  })

  test('GET sends the same header fields and bytes by the fast path, by the route and without a socket', async (world) => {
    const url = await world.add(1)
    const found = countFound(world.app)
    const address = await listen(world.app, { host: '127.0.0.1', port: 0 })
    const injected = await send(world, 'GET', url)
    const expectedFound = found.isPossible(url) ? 2 : 0
    assert.equal(injected.statusCode, 200)
    for (const headers of [{}, {}, { accept: 'application/json, */*' }, { 'if-none-match': '"x"' }]) {
      const response = await fetch(address + url, { headers: { ...headers } as Headers })
      assert.equal(response.status, 200)
      assert.equal(await response.text(), injected.body)
      assert.deepEqual(comparable(Object.fromEntries(response.headers)), comparable(injected.headers))
    }
    assert.equal(found.count(), expectedFound)
    for (const id of [resource.unusedId, ...malformedIds])
      assert.equal(
        (await fetch(address + path(id))).status,
        (await send(world, 'GET', path(id))).statusCode,
        id,
      )
  })

  test('X-Request-Id of the client comes back, by the fast path too', async (world) => {
    const url = await world.add(1)
    const address = await listen(world.app, { host: '127.0.0.1', port: 0 })
    for (const target of [url, path(resource.unusedId)]) {
      const response = await fetch(address + target, { headers: { 'x-request-id': 'trace-me' } })
      assert.equal(response.headers.get('x-request-id'), 'trace-me')
    }
  })
}

/** That the response has no header field that its description has not, but for those of HTTP and of the type of the body. */
function assertDescribed(
  paths: Record<string, Record<string, { responses: Record<string, { headers?: object }> }>>,
  { statusCode, headers }: Response,
  method: Method,
  target: string,
): void {
  assert.ok(statusCode < 400, `${method} ${target} ${statusCode}`)
  const isOf = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(target)
  const described =
    paths[Object.keys(paths).find(isOf) ?? '']?.[method.toLowerCase()]?.responses[statusCode]?.headers
  assert.ok(described !== undefined, `${method} ${target} ${statusCode} is not described`)
  const names = Object.keys(described).map((name) => name.toLowerCase())
  const sent = Object.keys(headers).filter((name) => !['connection', 'date'].includes(name))
  assert.deepEqual(
    sent.filter((name) => !name.startsWith('content-') && !names.includes(name)),
    [],
    `${method} ${target}`,
  )
}

/** The header fields that depend on the resource alone. */
function comparable(headers: Record<string, unknown>, ...without: string[]): Record<string, unknown> {
  // The security fields are of connections.
  const varying = [...ofConnections, ...securityFields, 'date', 'x-request-id', ...without]
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !varying.includes(name))
      .map(([name, value]) => [name, String(value)]),
  )
}

const ofConnections = ['connection', 'keep-alive', 'transfer-encoding']

/** Counts the responses of the fast paths. */
function countFound({ fastPaths }: App) {
  let count = 0
  for (const [i, fastPath] of fastPaths.entries())
    fastPaths[i] = {
      ...fastPath,
      async find(id, request) {
        const found = await fastPath.find(id, request)
        if (found !== undefined) count += 1
        return found
      },
    }
  return {
    count: () => count,
    isPossible: (url: string) =>
      fastPaths.some(({ prefix }) => url.startsWith(prefix) && !url.slice(prefix.length).includes('/')),
  }
}
