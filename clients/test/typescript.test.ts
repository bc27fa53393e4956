import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFileSync } from 'node:fs'
import { generatedFiles } from '../generate.ts'
import {
  createQuintetClient,
  dataOf,
  ForbiddenError,
  nextCursor,
  ProblemError,
  TooManyRequestsError,
  UnauthorizedError,
} from '../typescript/client.ts'
import type { QuintetClientOptions } from '../typescript/client.ts'

/** A client that receives this response to every request. */
function clientOf(respond: () => Response) {
  return createQuintetClient('http://quintet.test', { fetch: async () => respond() })
}

test('contracts/openapi and the types of the client are what npm run clients generates from the services', async () => {
  const files = await generatedFiles()
  assert.ok(files.size > 6)
  for (const [file, text] of files)
    assert.ok(readFileSync(file, 'utf8') === text, `Run npm run clients, and commit ${file.pathname}.`)
})

test('dataOf returns the body of a response', async () => {
  const movie = { id: 1, title: 'Metropolis', description: '' }
  const client = clientOf(() => Response.json(movie))
  assert.deepEqual(dataOf(await client.GET('/api/movies/{id}', { params: { path: { id: '1' } } })), movie)
})

test('dataOf throws an error response with its status and its problem document', async () => {
  const problem = { title: 'Not found', status: 404, detail: 'GUID not found or has expired.' }
  const client = clientOf(() =>
    Response.json(problem, { status: 404, headers: { 'content-type': 'application/problem+json' } }),
  )
  const result = await client.GET('/guid/{guid}', { params: { path: { guid: 'x' } } })
  assert.throws(
    () => dataOf(result),
    (error) => {
      assert.ok(error instanceof ProblemError)
      assert.deepEqual([error.status, error.message, error.problem], [404, problem.detail, problem])
      return true
    },
  )
})

test('dataOf throws an error response without a problem document, such as that of a proxy, with its status', async () => {
  const client = clientOf(() => new Response('Bad Gateway', { status: 502 }))
  const result = await client.GET('/market')
  assert.throws(() => dataOf(result), { name: 'ProblemError', status: 502 })
})

test('nextCursor returns the cursor of the next page, and undefined on the last one', () => {
  const link = '</guids?limit=1&cursor=WzEsMl0>; rel="next"'
  assert.equal(nextCursor(new Response('', { headers: { link } })), 'WzEsMl0')
  assert.equal(nextCursor(new Response('', { headers: { link: '<?cursor=a%20b>; rel="next"' } })), 'a b')
  assert.equal(nextCursor(new Response('')), undefined)
})

/** The credentials that a client with these options sends, one request after the other. */
async function sentBy(options: QuintetClientOptions, requests = 1) {
  const sent: (readonly [token: string | null, key: string | null])[] = []
  const client = createQuintetClient('http://quintet.test', {
    ...options,
    async fetch({ headers }) {
      sent.push([headers.get('authorization'), headers.get('x-api-key')])
      return Response.json({})
    },
  })
  for (let i = 0; i < requests; i++) await client.GET('/market')
  return sent
}

test('Each request has the token or the API key of the client, and neither if it has none', async () => {
  assert.deepEqual(await sentBy({ token: 'a' }), [['Bearer a', null]])
  assert.deepEqual(await sentBy({ apiKey: 'b' }), [[null, 'b']])
  assert.deepEqual(await sentBy({}), [[null, null]])
  assert.deepEqual(await sentBy({ token: '', apiKey: '' }), [[null, null]])
})

test('A function gives each request the token of the moment, at once or later', async () => {
  let count = 0
  assert.deepEqual(await sentBy({ token: () => `${count++}` }, 2), [
    ['Bearer 0', null],
    ['Bearer 1', null],
  ])
  assert.deepEqual(await sentBy({ token: async () => 'later' }), [['Bearer later', null]])
  await assert.rejects(sentBy({ token: () => Promise.reject(new Error('no token')) }), /no token/)
})

/** The error that dataOf throws for a response. */
async function errorOf(status: number, headers: Record<string, string>, problem: object) {
  const client = clientOf(() => Response.json({ detail: 'No.', ...problem }, { status, headers }))
  const result = await client.GET('/market')
  try {
    dataOf(result)
  } catch (error) {
    return error
  }
  return undefined
}

test('dataOf throws errors of their own for what is not admitted: by its token, its scope or a limit', async () => {
  const challenge = 'Bearer realm="quintet", error="invalid_token", error_description="expired"'
  const unauthorized = await errorOf(401, { 'www-authenticate': challenge }, {})
  assert.ok(unauthorized instanceof UnauthorizedError && unauthorized instanceof ProblemError)
  assert.deepEqual(
    [unauthorized.name, unauthorized.status, unauthorized.fault],
    ['UnauthorizedError', 401, 'expired'],
  )
  const scope = 'Bearer realm="quintet", error="insufficient_scope", scope="movies:write"'
  const forbidden = await errorOf(403, { 'www-authenticate': scope }, {})
  assert.ok(forbidden instanceof ForbiddenError)
  assert.deepEqual([forbidden.message, forbidden.scope], ['No.', 'movies:write'])
  const limited = await errorOf(429, { 'retry-after': '7' }, { 'violated-policies': ['client'] })
  assert.ok(limited instanceof TooManyRequestsError)
  assert.deepEqual([limited.retryAfterSeconds, limited.policies], [7, ['client']])
})
