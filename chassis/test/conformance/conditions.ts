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
    const length = (await send(world, 'HEAD', url)).headers['content-length']
    for (const known of [etag, `W/${etag}`, '*', `"0", ${etag}`, `,, "a,b", ,${etag} ,`, `"\x80é", ${etag}`])
      for (const method of ['GET', 'HEAD'] as const) {
        const response = await send(world, method, url, { 'if-none-match': known })
        assert.deepEqual([response.statusCode, response.body], [304, ''], known)
        assert.equal(response.headers.etag, etag)
        assert.ok([undefined, method === 'HEAD' && length].includes(response.headers['content-length']))
      }
    for (const other of ['"0"', 'W/"0"', 'unquoted', '', `"a,${etag}`, `"x${etag}`])
      assert.equal((await send(world, 'GET', url, { 'if-none-match': other })).statusCode, 200, other)
  })

  test('GET under If-Match is 200 if it names the representation, and else 412, before If-None-Match is considered', async (world) => {
    const url = await world.add(1)
    const etag = String((await send(world, 'GET', url)).headers.etag)
    for (const method of ['GET', 'HEAD'] as const) {
      for (const known of [etag, '*', `"a,b", ${etag},`])
        assert.equal((await send(world, method, url, { 'if-match': known })).statusCode, 200, known)
      for (const other of ['"0"', `W/${etag}`, '"999", "a,b"', ',', ''])
        for (const known of ['"0"', etag]) {
          const headers = { 'if-match': other, 'if-none-match': known }
          assert.equal((await send(world, method, url, headers)).statusCode, 412, other)
        }
      assert.equal((await send(world, method, url, { 'if-match': 'x' })).statusCode, 400)
      const both = await send(world, method, url, { 'if-match': etag, 'if-none-match': etag })
      assert.equal(both.statusCode, 304)
      const missing = resource.path(resource.unusedId)
      assert.equal((await send(world, method, missing, { 'if-match': '"0"' })).statusCode, 404)
    }
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

  test(`${method} under If-None-Match is 412 if it names the present version, and is made otherwise`, async (world) => {
    const url = await world.add(1)
    const { headers, body: before } = await send(world, 'GET', url)
    for (const known of ['*', `W/${headers.etag}`, `"0",, ${headers.etag}`])
      assertProblem(
        service,
        await sendJson(world, method, url, body(1), { 'if-none-match': known }),
        412,
        known,
      )
    assertProblem(service, await sendJson(world, method, url, body(1), { 'if-none-match': 'x' }), 400)
    assert.equal((await send(world, 'GET', url)).body, before)
    const conditions = { 'if-match': `"a,b",${headers.etag}`, 'if-none-match': '"0"' }
    assert.equal((await sendJson(world, method, url, body(1), conditions)).statusCode, status)
    const missing = resource.path(resource.unusedId)
    assertProblem(service, await sendJson(world, method, missing, body(1), { 'if-none-match': '*' }), 404)
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

  test('of parallel changes under conditions that every version satisfies none is refused for them', async (world) => {
    const url = await world.add(1)
    const conditions = { 'if-none-match': '"0"' }
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, n) => sendJson(world, method, url, body(1 + 2 * n), conditions)),
    )
    const refused = responses.filter(({ statusCode }) => ![status, 400].includes(statusCode))
    assert.deepEqual(
      refused.map(({ body }) => body),
      [],
    )
    assert.ok(responses.some(({ statusCode }) => statusCode === status))
  })
}

function testDelete({ service, test }: Suite): void {
  test('DELETE under If-Match deletes the version that it names, and is 412 for any other', async (world) => {
    const url = await world.add(1)
    const etag = String((await send(world, 'GET', url)).headers.etag)
    for (const stale of ['"0"', `W/${etag}`])
      assertProblem(service, await send(world, 'DELETE', url, { 'if-match': stale }), 412, stale)
    assertProblem(service, await send(world, 'DELETE', url, { 'if-match': 'unquoted' }), 400)
    for (const known of ['*', etag])
      assertProblem(service, await send(world, 'DELETE', url, { 'if-none-match': known }), 412, known)
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
