import assert from 'node:assert/strict'
import { isAbsent } from './suite.ts'
import type { ConformingWorld, Create, Suite } from './suite.ts'
import { assertProblem, send, sendJson } from './requests.ts'

/** The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header). */
export function testIdempotency(suite: Suite): void {
  const { resource } = suite
  if (isAbsent(resource.create)) return
  testReplay(suite, resource.create)
  testRefusals(suite, resource.create)
}

function testReplay({ resource, test }: Suite, { path, body, status = 201 }: Create): void {
  const { list } = resource

  async function assertCount(world: ConformingWorld, expected: number): Promise<void> {
    if (isAbsent(list)) return
    assert.equal((await send(world, 'GET', list.path)).json().length, expected)
  }

  test('POST with an Idempotency-Key that was used replays its response, and creates nothing', async (world) => {
    const post = (n: number, key: string) =>
      sendJson(world, 'POST', path, body(n), { 'idempotency-key': key })
    const first = await post(1, 'one')
    assert.equal(first.statusCode, status)
    assert.equal(first.headers['idempotency-replayed'], undefined)
    const other = await post(2, 'two')
    assert.notEqual(other.headers.location, first.headers.location)
    const again = await post(1, 'one')
    assert.deepEqual([again.statusCode, again.body], [status, first.body])
    assert.equal(again.headers['idempotency-replayed'], 'true')
    for (const name of ['location', 'etag', 'content-type'])
      assert.equal(again.headers[name], first.headers[name], name)
    await assertCount(world, 2)
  })

  test('an Idempotency-Key is for one resource, however its path is written, and for one media type', async (world) => {
    const post = (url: string, type = 'application/json') =>
      sendJson(world, 'POST', url, body(1), { 'idempotency-key': 'one', 'content-type': type })
    const first = await post(path)
    for (const url of [`${path}/`, `${path}?`, path.replace(/[a-z]$/, escapeOf), `${path}/?`]) {
      const again = await post(url)
      assert.equal(again.headers['idempotency-replayed'], 'true', url)
      assert.equal(again.headers.location, first.headers.location)
    }
    const again = await post(path, 'Application/JSON; charset=utf-8')
    assert.equal(again.headers['idempotency-replayed'], 'true')
    await assertCount(world, 1)
  })

  test('the same members in another order are the same request', async (world) => {
    const post = (n: number, members: (given: object) => object) =>
      sendJson(world, 'POST', path, members(body(n)), { 'idempotency-key': `${n}` })
    const reversed = (given: object) => Object.fromEntries(Object.entries(given).reverse())
    for (const [n, orders] of [
      [same, reversed],
      [reversed, same],
    ].entries()) {
      const [first, again] = [await post(n, orders[0] ?? same), await post(n, orders[1] ?? same)]
      assert.deepEqual([first.statusCode, again.statusCode, again.body], [status, status, first.body])
      assert.equal(again.headers['idempotency-replayed'], 'true')
    }
    await assertCount(world, 2)
  })

  test('POST to a collection under conditions that it does not satisfy is 412, and creates nothing', async (world) => {
    for (const headers of [{ 'if-none-match': '*' }, { 'if-match': '"1"' }])
      assert.equal((await sendJson(world, 'POST', path, body(1), headers)).statusCode, 412)
    await assertCount(world, 0)
    for (const [n, headers] of [{ 'if-none-match': '"1"' }, { 'if-match': '*' }].entries())
      assert.equal((await sendJson(world, 'POST', path, body(n), headers)).statusCode, status)
  })

  test('parallel POSTs with one Idempotency-Key create one, and the others get its response or 409', async (world) => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => sendJson(world, 'POST', path, body(1), { 'idempotency-key': 'one' })),
    )
    const successes = responses.filter(({ statusCode }) => statusCode === status)
    assert.ok(successes.length > 0)
    assert.equal(new Set(successes.map(({ headers }) => headers.location)).size, 1)
    const others = responses.filter(({ statusCode }) => statusCode !== status)
    for (const { statusCode, headers } of others)
      assert.deepEqual([statusCode, headers['retry-after']], [409, '1'])
    await assertCount(world, 1)
  })

  test('an Idempotency-Key expires after 24 hours', async (world) => {
    const post = (n: number) => sendJson(world, 'POST', path, body(n), { 'idempotency-key': 'one' })
    const first = await post(1)
    world.clock.advance(24 * 3_600_000 - 1)
    assert.equal((await post(1)).headers.location, first.headers.location)
    world.clock.advance(1)
    const later = await post(2)
    assert.equal(later.statusCode, status)
    assert.notEqual(later.headers.location, first.headers.location)
  })
}

function testRefusals({ service, test }: Suite, { path, body, status = 201 }: Create): void {
  test('an Idempotency-Key with another body is 422, and one that is not 1 to 255 printable characters 400', async (world) => {
    const post = (n: number, key: string) =>
      sendJson(world, 'POST', path, body(n), { 'idempotency-key': key })
    await post(1, 'one')
    assertProblem(service, await post(2, 'one'), 422)
    for (const key of ['', 'a'.repeat(256), 'é', 'a\tb']) assertProblem(service, await post(2, key), 400, key)
    assert.equal((await post(2, 'a'.repeat(255))).statusCode, status)
  })

  test('a body that was refused for its form leaves its Idempotency-Key unused', async (world) => {
    const headers = { 'idempotency-key': 'one' }
    assertProblem(service, await sendJson(world, 'POST', path, { unexpected: 1 }, headers), 400)
    assert.equal((await sendJson(world, 'POST', path, body(1), headers)).statusCode, status)
  })
}

const same = (given: object) => given

/** A letter of a path in percent-encoding, which stands for the same. */
function escapeOf(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16)}`
}
