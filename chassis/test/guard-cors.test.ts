import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { listen } from '@quintet/chassis/http'
import type { GuardConfig, GuardParts } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { commonSettings, faultsOf } from '../src/config/index.ts'
import { limitsBy } from './fixed-limits.ts'
import { createSampleApp } from './sample-app.ts'
import { settingsOf } from './settings-contract.ts'

const shop = 'https://shop.example'
const preflight = {
  method: 'OPTIONS',
  headers: {
    origin: shop,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'if-match',
  },
}

async function start(t: TestContext, guard: GuardConfig, guardParts: GuardParts = {}) {
  const app = await createSampleApp(t, { guard, guardParts })
  app.get('/things/:id', async (_, reply) => reply.header('vary', 'accept').send({}))
  app.get('/broken', async () => {
    throw new Error('a bug')
  })
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  return (path: string, options: RequestInit = {}) => fetch(address + path, options)
}

/** Limits that refuse everything. */
const refusing: GuardParts = {
  limits: limitsBy(() => ({
    refusal: { error: new AppError('too_many_requests', 'Too many.'), fields: [] },
    fields: [],
  })),
}

test('Each response to a page of a named origin may be read by it, errors and refusals too', async (t) => {
  const send = await start(t, { CORS_ORIGINS: `${shop}, http://127.0.0.1:4000`, CORS_MAX_AGE_MS: 600_000 })
  const refused = await start(t, { CORS_ORIGINS: shop }, refusing)
  for (const [response, status] of [
    [await send('/things/1', { headers: { origin: shop } }), 200],
    [await send('/nothing', { headers: { origin: shop } }), 404],
    [await send('/things/1', { method: 'DELETE', headers: { origin: shop } }), 405],
    [await send('/broken', { headers: { origin: shop } }), 500],
    [await refused('/things/1', { headers: { origin: shop } }), 429],
  ] as const) {
    assert.equal(response.status, status)
    assert.equal(response.headers.get('access-control-allow-origin'), shop)
    assert.equal(response.headers.get('access-control-allow-credentials'), null)
    assert.match(response.headers.get('access-control-expose-headers') ?? '', /\bETag\b.*\bRetry-After\b/)
    assert.match(response.headers.get('vary') ?? '', /\bOrigin\b/)
  }
})

test('Pages of other origins read nothing, and caches are not to mix their responses with those of others', async (t) => {
  const send = await start(t, { CORS_ORIGINS: shop })
  for (const origin of [
    'https://evil.example',
    'https://shop.example.evil',
    'http://shop.example',
    'null',
    undefined,
  ]) {
    const response = await send('/things/1', origin === undefined ? {} : { headers: { origin } })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('access-control-allow-origin'), null)
    assert.equal(response.headers.get('vary'), 'Origin, accept')
  }
})

test('A preflight is answered before limits and tokens', async (t) => {
  const send = await start(
    t,
    { CORS_ORIGINS: shop, CORS_CREDENTIALS: true, CORS_MAX_AGE_MS: 600_000 },
    refusing,
  )
  for (const path of ['/things/1', '/nothing']) {
    const response = await send(path, preflight)
    assert.equal(response.status, 204)
    assert.equal(response.headers.get('access-control-allow-origin'), shop)
    assert.equal(response.headers.get('access-control-allow-credentials'), 'true')
    assert.equal(response.headers.get('access-control-max-age'), '600')
    assert.match(response.headers.get('access-control-allow-methods') ?? '', /\bPUT\b/)
    assert.match(
      response.headers.get('access-control-allow-headers') ?? '',
      /\bauthorization\b.*\bif-match\b/,
    )
  }
  const other = { ...preflight, headers: { ...preflight.headers, origin: 'https://evil.example' } }
  const response = await send('/things/1', other)
  assert.equal(response.status, 204)
  assert.equal(response.headers.get('access-control-allow-origin'), null)
})

test('An OPTIONS that is no preflight, or where no origin is named, is as any other request', async (t) => {
  const send = await start(t, { CORS_ORIGINS: shop }, refusing)
  assert.equal((await send('/things/1', { method: 'OPTIONS', headers: { origin: shop } })).status, 429)
  const without = await start(t, {})
  const response = await without('/things/1', preflight)
  assert.equal(response.status, 405)
  assert.equal(response.headers.get('vary'), null)
})

test('All origins may be named at once', async (t) => {
  const send = await start(t, { CORS_ORIGINS: '*' })
  const response = await send('/things/1', { headers: { origin: 'https://any.example' } })
  assert.equal(response.headers.get('access-control-allow-origin'), '*')
  assert.equal(response.headers.get('vary'), 'accept')
})

test('Origins are as browsers send them, and credentials are for named ones only', () => {
  const schema = Type.Object(commonSettings)
  for (const list of ['', '*', shop, `${shop},http://127.0.0.1:4000, http://[::1]`])
    assert.deepEqual(faultsOf(schema, settingsOf({ CORS_ORIGINS: list })), [], list)
  for (const list of [
    `${shop}/`,
    'shop.example',
    `${shop},*`,
    'https://SHOP.example',
    'https://shop.example:443',
    'null',
  ])
    assert.equal(faultsOf(schema, settingsOf({ CORS_ORIGINS: list })).length, 1, list)
  for (const [list, fault] of [
    ['*', /^CORS_CREDENTIALS is true, but CORS_ORIGINS is \*, so any page could act as its visitor/],
    ['', /^CORS_CREDENTIALS is true, but CORS_ORIGINS is empty/],
  ] as const)
    assert.match(faultsOf(schema, settingsOf({ CORS_ORIGINS: list, CORS_CREDENTIALS: 'true' })).join(), fault)
})
