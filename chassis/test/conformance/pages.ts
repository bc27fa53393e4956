import assert from 'node:assert/strict'
import { isAbsent } from './suite.ts'
import type { ConformingWorld, List, Suite } from './suite.ts'
import { assertProblem, send } from './requests.ts'

/** Lists, page by page (RFC 8288). */
export function testPages(suite: Suite): void {
  const { list } = suite.resource
  if (isAbsent(list)) return
  testPaging(suite, list)
  testQueries(suite, list)
}

function testPaging({ test }: Suite, list: List): void {
  test('an empty list is an empty array without a Link', async (world) => {
    const response = await send(world, 'GET', list.path)
    assert.deepEqual([response.statusCode, response.body], [200, '[]'])
    assert.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(response.headers.link, undefined)
  })

  test('pages follow one another by Link and hold each once, though more are added meanwhile', async (world) => {
    const added: string[] = []
    for (let n = 1; n <= 5; n++) added.push(await world.add(n))
    const seen: string[] = []
    for (let query: string | undefined = '?limit=2', n = 6; query !== undefined; n++) {
      const page = await readPage(world, list, query)
      assert.ok(page.ids.length <= 2)
      seen.push(...page.ids)
      if (n <= 7) await world.add(n)
      query = page.next
    }
    assert.equal(new Set(seen).size, seen.length)
    for (const url of added) assert.ok(seen.includes(url.split('/').at(-1) ?? ''), url)
    const all = await readPage(world, list, '?limit=1000')
    assert.equal(all.ids.length, 7)
    assert.equal(all.next, undefined)
  })
}

function testQueries({ service, test }: Suite, list: List): void {
  test('a limit or a cursor that is none, or an unknown parameter, is refused by its name', async (world) => {
    await world.add(1)
    const statuses = [400, service.wrongValueStatus ?? 400]
    const queries = [
      ...['0', '1001', '-1', 'x', '', '%00'].map((limit) => `limit=${limit}`),
      ...hostileCursors.map((cursor) => `cursor=${encodeURIComponent(cursor)}`),
      'unexpected=1',
    ]
    for (const query of queries) {
      const response = await send(world, 'GET', `${list.path}?${query}`)
      assertProblem(service, response, statuses, query)
      assert.deepEqual(Object.keys(response.json().errors), [query.split('=', 1)[0]], query)
    }
  })

  test('the Link repeats the path and the query as they are, but for the cursor', async (world) => {
    for (let n = 1; n <= 2; n++) await world.add(n)
    const linkOf = async (url: string) => String((await send(world, 'GET', url)).headers.link)
    const cursor = /cursor=([\w-]+)/.exec(await linkOf(`${list.path}?limit=1`))?.[1]
    for (const [url, expected = url] of [
      [`${list.path}?limit=1`],
      [`${list.path}/?limit=%31`],
      [`${list.path}?l%69mit=1`],
      [`${list.path}?&limit=1&`, `${list.path}?limit=1`],
      [`http://any${list.path}?limit=1`, `${list.path}?limit=1`],
    ])
      assert.equal(await linkOf(String(url)), `<${expected}&cursor=${cursor}>; rel="next"`)
    const { headers } = await send(world, 'GET', `${list.path}?limit=1`, { 'x-forwarded-prefix': '/before' })
    assert.equal(headers.link, `</before${list.path}?limit=1&cursor=${cursor}>; rel="next"`)
    for (const forged of ['//evil', '/a>; rel="x', 'x', '/a/../b'])
      assert.match(
        String(
          (await send(world, 'GET', `${list.path}?limit=1`, { 'x-forwarded-prefix': forged })).headers.link,
        ),
        new RegExp(`^<${list.path}[?]`),
      )
    const next = await send(world, 'GET', `${list.path}?cursor=${cursor}&limit=1`)
    assert.equal(next.statusCode, 200)
  })

  test('a list has no ETag: If-Match is 412 but for *, and If-None-Match: * is 304', async (world) => {
    const statusOf = async (headers: Record<string, string>) =>
      (await send(world, 'GET', list.path, headers)).statusCode
    assert.equal(await statusOf({ 'if-match': '"1"' }), 412)
    assert.equal(await statusOf({ 'if-match': '*' }), 200)
    assert.equal(await statusOf({ 'if-none-match': '"1"' }), 200)
    assert.equal(await statusOf({ 'if-none-match': '*' }), 304)
  })

  test('a cursor past the last row leads to an empty page, whatever the size of its numbers', async (world) => {
    for (let n = 1; n <= 2; n++) await world.add(n)
    const { next } = await readPage(world, list, '?limit=1')
    const cursor = Buffer.from(new URLSearchParams(next).get('cursor') ?? '', 'base64url').toString()
    const past = (JSON.parse(cursor) as unknown[]).map((member, i, members) => {
      if (typeof member === 'string') return 'F'.repeat(32)
      return i === 0 && members.length > 1 ? 8.64e15 : Number.MAX_SAFE_INTEGER
    })
    const query = `?cursor=${Buffer.from(JSON.stringify(past)).toString('base64url')}`
    assert.deepEqual((await readPage(world, list, query)).ids, [])
  })

  for (const name of list.texts ?? [])
    test(`${name} may be any text that can be stored, and is refused by its name otherwise`, async (world) => {
      await world.add(1)
      for (const text of unstorableTexts) {
        const response = await send(world, 'GET', `${list.path}?${name}=${text}`)
        assertProblem(service, response, [service.wrongValueStatus ?? 400], text)
        assert.deepEqual(Object.keys(response.json().errors), [name])
      }
      for (const text of unusualTexts)
        assert.deepEqual((await readPage(world, list, `?${name}=${encodeURIComponent(text)}`)).ids, [], text)
    })
}

async function readPage(world: ConformingWorld, { path, idOf }: List, query: string) {
  const response = await send(world, 'GET', path + query)
  assert.equal(response.statusCode, 200, query)
  const { link } = response.headers
  const next = /^<[^>?]*(\?[^>]+)>; rel="next"$/.exec(String(link))?.[1]
  assert.equal(next === undefined, link === undefined, String(link))
  return { ids: response.json().map(idOf) as string[], next }
}

/** Texts that no list has given as a cursor. Every list refuses them, on every engine. */
export const hostileCursors = [
  '',
  'x',
  '%',
  '\0',
  'a'.repeat(2_000),
  ...[
    '1',
    'null',
    '"1"',
    '[]',
    '[null]',
    '["1"]',
    '[[1]]',
    '{"0":1}',
    '[1,2,3,4]',
    '[1e999]',
    '[0.5]',
    '[1.5]',
    '[NaN]',
    '[true]',
    '[-1]',
    '[-0]',
    '[1.0]',
    '[ 1]',
    '[1e3]',
    '[9007199254740992]',
    '[9223372036854775808]',
    '["\0"]',
    '["\ud800"]',
    '[1,null]',
    '[1,1.5]',
    '[1,-1]',
    '[1.5,1]',
    '[8640000000000001,1]',
    '[1,"\0"]',
    '[1,"\ud800"]',
    '[1,{"$gt":""}]',
    '[1,"5e95aad3b0d94b0f8c3d8a8f7e1c2b3a"]',
    '[1,"5E95AAD3-B0D9-4B0F-8C3D-8A8F7E1C2B3A"]',
  ].map((json) => Buffer.from(json).toString('base64url')),
  // Base64 of [1], with padding.
  'WzFd=',
  'WzFd\n',
  ' WzFd',
]

/** Texts that no engine stores, which is told of the parameter before one is asked. */
const unstorableTexts = ['\0', 'a\0b', '\0'.repeat(256)].map(encodeURIComponent)

/** Texts that every engine takes for what they are. */
const unusualTexts = [
  "'",
  '"',
  '\\',
  '%',
  '_',
  '$1',
  '$gt',
  '\uffff',
  '\u200b',
  '\u{1f600}',
  'é',
  '\n',
  'x'.repeat(256),
]
