import assert from 'node:assert/strict'
import { isAbsent } from './suite.ts'
import type { Create, Suite } from './suite.ts'
import { assertProblem, send, sendJson } from './requests.ts'
import type { Method } from './requests.ts'

/** POST of a new one, and the form of every body. */
export function testCreation(suite: Suite): void {
  const { resource } = suite
  if (isAbsent(resource.create)) return
  testCreated(suite, resource.create)
  testBodies(suite, resource.create)
  if (!isAbsent(resource.create.text)) testText(suite, resource.create, resource.create.text.member)
}

function testCreated({ resource, test }: Suite, { path, body, status = 201, etag }: Create): void {
  const validator = etag === undefined ? 'with its ETag' : `no ETag: ${etag.absent}`
  test(`POST responds with the address of the new one, and ${validator}`, async (world) => {
    const created = await sendJson(world, 'POST', path, body(1))
    assert.equal(created.statusCode, status)
    assert.equal(created.headers['content-type'], 'application/json; charset=utf-8')
    const location = String(created.headers.location)
    assert.equal(location, resource.path(location.split('/').at(-1) ?? ''))
    const found = await send(world, 'GET', location)
    assert.equal(found.statusCode, 200)
    assert.equal(created.headers.etag, etag === undefined ? found.headers.etag : undefined)
    for (const [name, value] of Object.entries<unknown>(found.json()))
      if (name in created.json()) assert.deepEqual(created.json()[name], value, name)
  })

  test('Location begins with what a trusted proxy has taken off the path, also of a recorded response', async (world) => {
    const headers = { 'idempotency-key': 'key' }
    const created = await sendJson(world, 'POST', path, body(1), headers)
    const again = await sendJson(world, 'POST', path, body(1), {
      ...headers,
      'x-forwarded-prefix': '/before',
    })
    assert.equal(again.headers['idempotency-replayed'], 'true')
    assert.equal(again.headers.location, `/before${created.headers.location}`)
  })
}

function testBodies({ service, resource, test }: Suite, { path, body, takesForms }: Create): void {
  const { change } = resource

  test('a body that is not JSON, or no object, or has an unknown member is 400, and changes nothing', async (world) => {
    const url = await world.add(1)
    const targets: [Method, string, Record<string, unknown>][] = [['POST', path, body(2)]]
    if (!isAbsent(change)) targets.push([change.method, url, change.body(1)])
    const before = (await send(world, 'GET', url)).body
    for (const [method, target, valid] of targets) {
      const text = JSON.stringify(valid)
      const malformed = [
        '',
        ' ',
        '{',
        text.slice(0, -1),
        `${text}x`,
        'nul',
        "{'a':1}",
        Buffer.from(`"\xff"`, 'latin1'),
      ]
      for (const payload of malformed) {
        const response = await sendJson(world, method, target, payload)
        assertProblem(service, response, 400, `${method} ${payload}`)
        assert.equal(response.json().type, 'urn:quintet:problem:malformed', `${method} ${payload}`)
      }
      for (const value of [[], null, 7, 'text', true, { ...valid, unexpected: 1 }])
        assertProblem(
          service,
          await sendJson(world, method, target, JSON.stringify(value)),
          400,
          `${method} ${JSON.stringify(value)}`,
        )
      const unknown = await sendJson(world, method, target, { ...valid, unexpected: 1 })
      assert.deepEqual(Object.keys(unknown.json().errors), ['unexpected'])
    }
    assert.equal((await send(world, 'GET', url)).body, before)
  })

  test('a body of another type is 415, and one that is too large 413', async (world) => {
    const form = takesForms === true ? [] : ['application/x-www-form-urlencoded']
    for (const type of ['text/plain', 'application/xml', 'application/jsonp', ...form])
      assertProblem(
        service,
        await sendJson(world, 'POST', path, body(1), { 'content-type': type }),
        415,
        type,
      )
    const large = JSON.stringify({ ...body(1), unexpected: 'x'.repeat(1_048_576) })
    assertProblem(service, await sendJson(world, 'POST', path, large), 413)
  })
}

function testText({ service, test }: Suite, { path, body }: Create, member: string): void {
  test('text comes back as it was sent, in any script and whatever it looks like', async (world) => {
    for (const [n, text] of texts.entries()) {
      const created = await sendJson(world, 'POST', path, { ...body(n), [member]: text })
      const url = String(created.headers.location)
      for (let round = 0; round < 2; round++)
        assert.equal((await send(world, 'GET', url)).json()[member], text, JSON.stringify(text))
    }
  })

  test('text with NUL or half of a surrogate pair is refused by the name of its field', async (world) => {
    for (const text of ['a\0', '\0', '\ud800', 'a\udfffb', '\udc00\ud800']) {
      const response = await sendJson(world, 'POST', path, { ...body(1), [member]: text })
      assertProblem(service, response, service.wrongValueStatus ?? 400, JSON.stringify(text))
      assert.deepEqual(Object.keys(response.json().errors), [member])
    }
  })
}

const texts = [
  `'; drop table movies; --`,
  '{"a":"\\u0000"}',
  '\u001b[31m\r\nHTTP/1.1 200\r\n{"level":60}',
  '𝄞\u2028<script>',
  '$1 $& {{title}} %s',
  'Ночной дозор',
  'e\u0301 is not é',
  ' \t leading and trailing \n ',
  '\ufeffbyte order mark',
  '\ud83d\udc69\u200d\ud83d\ude80',
  '"}\\u0000{","active":false,"x":"',
  '</script><script>alert(1)</script>',
  '\u202etxt.exe',
  '😀'.repeat(64),
  '𝒳 مرحبا 🙂',
  '__proto__',
  '%00%n',
  `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n-----END CERTIFICATE-----`,
]
