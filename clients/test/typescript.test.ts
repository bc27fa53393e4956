import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFileSync } from 'node:fs'
import { generatedFiles } from '../generate.ts'
import { createQuintetClient, dataOf, nextCursor, ProblemError } from '../typescript/client.ts'

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
