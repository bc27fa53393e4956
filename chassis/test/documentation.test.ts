import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { pageQuery, problems } from '@quintet/chassis/http'
import type { App, AppOptions, Support } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { createSampleApp } from './sample-app.ts'

async function world(t: TestContext, options: Partial<AppOptions> = {}): Promise<{ app: App }> {
  const app = await createSampleApp(t, options)
  const body = Type.Object({ title: Type.String({ maxLength: 5 }) }, { additionalProperties: false })
  app.post('/things', { schema: { tags: ['things'], body } }, async () => ({}))
  return { app }
}

test('OpenAPI 3.1 is made of the schemas that validate, and the page to read it needs nothing from outside', async (t) => {
  const { app } = await world(t)
  const document = (await app.inject('/openapi.json')).json()
  assert.equal(document.openapi, '3.1.0')
  assert.equal(
    document.paths['/things'].post.requestBody.content['application/json'].schema.properties.title.maxLength,
    5,
  )
  const shared = document.paths['/health/ready'].get.responses[503].$ref
  assert.equal(shared, '#/components/responses/ServiceUnavailable')
  const { headers, content } = document.components.responses.ServiceUnavailable
  assert.deepEqual(Object.keys(headers), ['X-Request-Id', 'Retry-After'])
  for (const type of ['application/problem+json', 'application/json'])
    assert.equal(content[type].schema.$ref, '#/components/schemas/Problem')
  for (const url of ['/docs', '/docs/']) {
    const { statusCode, body, headers } = await app.inject({ url, headers: { accept: 'text/html' } })
    assert.equal(statusCode, 200)
    assert.doesNotMatch(body, /(src|href)="https?:/)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; /)
    assert.doesNotMatch(policy, /upgrade-insecure-requests|https?:|\*|\w\.\w/)
    for (const [, file] of body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const { pathname } = new URL(String(file), `http://x${url}`)
      assert.equal((await app.inject(pathname)).statusCode, 200, pathname)
    }
  }
})

test('What a route supports decides the header fields and the statuses of its description', async (t) => {
  const { app } = await world(t)
  const response = { 201: Type.Object({}), 202: Type.Object({}), ...problems(412) }
  const supports: Support[] = ['Idempotency-Key', 'respond-async']
  app.put('/things/:id', { schema: { tags: ['things'], supports, response } }, async () => ({}))
  app.get('/things', { schema: { tags: ['things'], querystring: Type.Object(pageQuery) } }, async () => [])
  const { paths } = (await app.inject('/openapi.json')).json()
  const { parameters, responses } = paths['/things/{id}'].put
  const names = parameters.map(
    ({ name, $ref }: { name?: string; $ref?: string }) => name ?? $ref?.split('/').at(-1),
  )
  assert.deepEqual(names, ['id', 'IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'PreferRespondAsync'])
  const headersOf = (status: number) => Object.keys(responses[status].headers).sort()
  assert.deepEqual(headersOf(201), ['ETag', 'Idempotency-Replayed', 'Location', 'X-Request-Id'])
  assert.deepEqual(headersOf(202), [
    'Idempotency-Replayed',
    'Location',
    'Preference-Applied',
    'Retry-After',
    'X-Request-Id',
  ])
  assert.equal(responses[409].$ref, '#/components/responses/Conflict')
  assert.deepEqual(Object.keys(paths['/things'].get.responses[200].headers), ['X-Request-Id', 'Link'])
})

test('The document is the same bytes for every request, with an entity tag that spares the next one', async (t) => {
  const { app } = await world(t, { openapi: async (own) => own })
  const [first, second] = [await app.inject('/openapi.json'), await app.inject('/openapi.json')]
  const { etag } = first.headers
  assert.match(String(etag), /^"[\w-]{22}"$/)
  assert.deepEqual([second.headers.etag, second.body], [etag, first.body])
  const unchanged = await app.inject({ url: '/openapi.json', headers: { 'if-none-match': String(etag) } })
  assert.deepEqual([unchanged.statusCode, unchanged.body, unchanged.headers.etag], [304, '', etag])
})

test('Files of the documentation are conditional, and one that is missing is 404', async (t) => {
  const { app } = await world(t)
  const url = '/docs/static/swagger-ui.css'
  const { headers } = await app.inject(url)
  const statusOf = async (given: Record<string, string>) =>
    (await app.inject({ url, headers: given })).statusCode
  assert.equal(await statusOf({ 'if-none-match': String(headers.etag) }), 304)
  assert.equal(await statusOf({ 'if-match': '"x"' }), 412)
  assert.equal(await statusOf({ range: 'bytes=0-9' }), 200)
  for (const missing of ['/docs/static/nope.js', '/docs/nope', '/docs/static/'])
    assert.equal((await app.inject(missing)).statusCode, 404, missing)
})

test('The page has the title of the service, and links to pages on this machine by the name that the reader used', async (t) => {
  const relatedPages = [
    { name: 'A <b>', url: 'http://127.0.0.1:8001/docs/' },
    { name: 'hidden', url: 'http://inside:8002/docs/' },
  ]
  const { app } = await world(t, { relatedPages, title: 'A & B' })
  const { body } = await app.inject({ url: '/docs/', headers: { host: 'quintet.test:8000' } })
  assert.match(body, /<title>A &amp; B API<\/title>/)
  assert.match(body, /<a href="http:\/\/quintet\.test:8001\/docs\/">A &lt;b&gt;<\/a>/)
  assert.doesNotMatch(body, /inside/)
})

test('Pages at an address for all addresses of the machine, or at the one that the reader used, are linked to as well', async (t) => {
  const relatedPages = [
    { name: 'A', url: 'http://0.0.0.0:8001/docs/' },
    { name: 'B', url: 'http://[::]:8002/docs/' },
    { name: 'C', url: 'http://quintet.test:8003/docs/' },
    { name: 'hidden', url: 'http://inside:8004/docs/' },
  ]
  const { app } = await world(t, { relatedPages })
  const { body } = await app.inject({ url: '/docs/', headers: { host: 'quintet.test:8000' } })
  for (const port of [8001, 8002, 8003])
    assert.match(body, new RegExp(`"http://quintet\\.test:${port}/docs/"`))
  assert.doesNotMatch(body, /inside|0\.0\.0\.0/)
})

test('The root leads browsers to the page, and programs to the OpenAPI document', async (t) => {
  const { app } = await world(t)
  for (const accept of ['text/html', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8']) {
    const { statusCode, headers } = await app.inject({ url: '/', headers: { accept } })
    assert.deepEqual([statusCode, headers.location, headers.vary], [303, '/docs/', 'accept'])
  }
  for (const accept of [undefined, '*/*', 'application/json', 'application/json, text/html;q=0.5']) {
    const { statusCode, headers, body } = await app.inject({
      url: '/',
      headers: { ...(accept && { accept }) },
    })
    assert.equal(statusCode, 200)
    const { openapi, docs, health } = JSON.parse(body)
    assert.deepEqual([openapi, docs, health], ['/openapi.json', '/docs/', '/health/ready'])
    assert.equal(
      headers.link,
      '</openapi.json>; rel="service-desc", </docs/>; rel="service-doc", </health/ready>; rel="status"',
    )
    for (const url of [openapi, docs, health]) assert.equal((await app.inject(url)).statusCode, 200, url)
  }
  assert.equal((await app.inject({ url: '/', headers: { accept: 'image/png' } })).statusCode, 406)
})
