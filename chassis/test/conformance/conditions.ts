import assert from 'node:assert/strict'
import { isAbsent } from './suite.ts'
import type { Change, Suite } from './suite.ts'
import { assertProblem, send, sendJson } from './requests.ts'

/** Conditional requests (RFC 9110, 13). */
export function testConditions(suite: Suite): void {
  const { resource, test } = suite
  if (isAbsent(resource.etag)) return

  test('a representation has a strong ETag, and If-None-Match that names it is 304', async (world) => {
    const url = await world.add(1)
    const etag = String((await send(world, 'GET', url)).headers.etag)
    assert.match(etag, /^"\d+"$/)
    for (const known of [etag, `W/${etag}`, '*', `"0", ${etag}`])
      for (const method of ['GET', 'HEAD'] as const) {
        const response = await send(world, method, url, { 'if-none-match': known })
        assert.deepEqual([response.statusCode, response.body], [304, ''], known)
        assert.equal(response.headers.etag, etag)
      }
    for (const other of ['"0"', 'W/"0"', 'unquoted'])
      assert.equal((await send(world, 'GET', url, { 'if-none-match': other })).statusCode, 200, other)
  })

  if (!isAbsent(resource.change)) testChange(suite, resource.change)
  if (!isAbsent(resource.delete)) testDelete(suite)
}

function testChange({ service, resource, test }: Suite, { method, body, status = 200 }: Change): void {
  test(`${method} under If-Match changes the version that it names, and is 412 for any other`, async (world) => {
    const url = await world.add(1)
    const first = String((await send(world, 'GET', url)).headers.etag)
    const changed = await sendJson(world, method, url, body(1), { 'if-match': `"0", ${first}` })
    assert.equal(changed.statusCode, status)
    const { headers, body: after } = await send(world, 'GET', url)
    assert.notEqual(headers.etag, first)
    assert.equal(changed.headers.etag, headers.etag)
    assert.equal((await send(world, 'GET', url, { 'if-none-match': first })).statusCode, 200)
    for (const stale of [first, '"0"', `W/${headers.etag}`, '"no-version"'])
      assertProblem(service, await sendJson(world, method, url, body(2), { 'if-match': stale }), 412, stale)
    assertProblem(service, await sendJson(world, method, url, body(2), { 'if-match': 'unquoted' }), 400)
    assert.equal((await send(world, 'GET', url)).body, after)
    assert.equal((await sendJson(world, method, url, body(2), { 'if-match': '*' })).statusCode, status)
  })

  test(`${method} under If-Match is 404 when there is nothing, whatever it names`, async (world) => {
    for (const etag of ['"1"', '*']) {
      const url = resource.path(resource.unusedId)
      assertProblem(service, await sendJson(world, method, url, body(1), { 'if-match': etag }), 404, etag)
    }
  })

  test('of 100 parallel changes under one If-Match exactly one is made, and the others are 412', async (world) => {
    const url = await world.add(1)
    const etag = String((await send(world, 'GET', url)).headers.etag)
    const responses = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        sendJson(world, method, url, body(1 + 2 * n), { 'if-match': etag }),
      ),
    )
    const winners = responses.filter(({ statusCode }) => statusCode === status)
    assert.equal(winners.length, 1)
    assert.equal(responses.filter(({ statusCode }) => statusCode === 412).length, 99)
    const { headers, ...found } = await send(world, 'GET', url)
    assert.equal(headers.etag, winners[0]?.headers.etag)
    for (const [name, value] of Object.entries<unknown>(winners[0]?.json() ?? {}))
      assert.deepEqual(found.json()[name], value, name)
  })
}

function testDelete({ service, test }: Suite): void {
  test('DELETE under If-Match deletes the version that it names, and is 412 for any other', async (world) => {
    const url = await world.add(1)
    const etag = String((await send(world, 'GET', url)).headers.etag)
    for (const stale of ['"0"', `W/${etag}`])
      assertProblem(service, await send(world, 'DELETE', url, { 'if-match': stale }), 412, stale)
    assertProblem(service, await send(world, 'DELETE', url, { 'if-match': 'unquoted' }), 400)
    assert.equal((await send(world, 'GET', url)).statusCode, 200)
    assert.ok((await send(world, 'DELETE', url, { 'if-match': etag })).statusCode < 300)
    assertProblem(service, await send(world, 'GET', url), 404)
    assertProblem(service, await send(world, 'DELETE', url, { 'if-match': etag }), 404)
    assertProblem(service, await send(world, 'DELETE', url), 404)
  })

  test('DELETE may be declared as JSON without a body', async (world) => {
    const url = await world.add(1)
    const response = await send(world, 'DELETE', url, { 'content-type': 'application/json' })
    assert.ok(response.statusCode < 300)
  })
}
