import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener, ServerResponse } from 'node:http'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { createSigningKey } from '@quintet/backends/issuer'
import { audience, openAuthentication, openIssuer, outcomeOf } from './issuer-world.ts'
import { listenOn } from './sockets.ts'
import { until } from './testing.ts'

/** How the keys of an issuer are found, and used while it does not respond: with a real issuer, stopped and started. */

before(() => import('oidc-provider'))

const [maxAgeMs, cooldownMs, staleMs] = [600_000, 5_000, 86_400_000]
const invalidSignature = '401 invalid_token error="invalid_token", error_description="signature"'
const unavailable = '503 dependency_down'

async function openWorld(t: TestContext, options: Parameters<typeof openIssuer>[1] = {}) {
  const issuer = await openIssuer(t, options)
  const world = openAuthentication(t, { AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: audience })
  const { clock, bearer } = world
  let count = 0
  /** A token that is not kept, since each differs. */
  const sign = (differences: Parameters<typeof issuer.sign>[1] = {}) =>
    issuer.sign(clock.now(), { ...differences, claims: { jti: `t${++count}`, ...differences.claims } })
  const outcome = async (differences?: Parameters<typeof issuer.sign>[1]) =>
    outcomeOf(await bearer(await sign(differences)))
  return { issuer, sign, outcome, accepted: `${issuer.url}|ada`, ...world }
}

test('The start does not wait for the issuer, and tokens are accepted once it responds', async (t) => {
  const { issuer, outcome, accepted, clock, lines } = await openWorld(t, { isStarted: false })
  assert.equal(await outcome(), unavailable)
  assert.match(String(lines[0]?.msg), /the keys of an issuer of tokens cannot be fetched/)
  await issuer.start()
  assert.equal(await outcome(), unavailable)
  clock.advance(cooldownMs)
  assert.equal(await outcome(), accepted)
  assert.match(String(lines[1]?.msg), /can be fetched again/)
})

test('While there are no keys, the response says when to try again, not earlier than they are fetched', async (t) => {
  const { bearer, sign, clock } = await openWorld(t, { isStarted: false })
  await bearer(await sign())
  clock.advance(1_500)
  const found = await bearer(await sign())
  assert.ok(found !== undefined && 'error' in found)
  assert.equal(found.error.retryAfterSeconds, 4)
})

test('Requests at the start share one fetch of the keys', async (t) => {
  const { issuer, outcome, accepted } = await openWorld(t)
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome()))
  assert.deepEqual([...new Set(outcomes)], [accepted])
  assert.equal(issuer.keyFetches(), 1)
})

test('A new key is taken at the first token that it signs, once the cooldown is over, and the old one stays good', async (t) => {
  const { issuer, outcome, accepted, clock } = await openWorld(t)
  const [old] = issuer.keys()
  assert.ok(old !== undefined)
  assert.equal(await outcome(), accepted)
  const key = createSigningKey('second')
  await issuer.start([key, old])
  assert.equal(await outcome({ key }), invalidSignature)
  clock.advance(cooldownMs)
  assert.equal(await outcome({ key }), accepted)
  assert.equal(await outcome({ key: old }), accepted)
  assert.equal(issuer.keyFetches(), 2)
})

test('A key that the issuer has withdrawn is refused once the keys have reached their age', async (t) => {
  const { issuer, outcome, accepted, clock } = await openWorld(t)
  const [old] = issuer.keys()
  assert.ok(old !== undefined)
  assert.equal(await outcome(), accepted)
  await issuer.start([createSigningKey('second')])
  clock.advance(maxAgeMs - 1)
  assert.equal(await outcome({ key: old }), accepted)
  clock.advance(1)
  await outcome()
  await until(() => issuer.keyFetches() === 2)
  await until(async () => (await outcome({ key: old })) !== accepted)
  assert.equal(await outcome({ key: old }), invalidSignature)
})

test('Tokens that name unknown keys make it fetch the keys once per cooldown at most', async (t) => {
  const { issuer, outcome, accepted, clock } = await openWorld(t)
  assert.equal(await outcome(), accepted)
  for (let second = 0; second < 30; second++) {
    clock.advance(1_000)
    const kids = Array.from({ length: 10 }, (_, i) => `${second}-${i}`)
    const outcomes = await Promise.all(kids.map((kid) => outcome({ header: { kid } })))
    assert.deepEqual([...new Set(outcomes)], [invalidSignature])
  }
  assert.equal(issuer.keyFetches(), 1 + 30_000 / cooldownMs)
})

test('Keys that have reached their age are fetched in the background, while requests go on', async (t) => {
  const { issuer, outcome, accepted, clock, authentication } = await openWorld(t)
  await outcome()
  clock.advance(maxAgeMs)
  assert.equal(await outcome(), accepted)
  await until(() => authentication.issuers[0]?.keysAgeMs() === 0)
  assert.equal(issuer.keyFetches(), 2)
})

test('While the issuer is away, its last keys are used beyond their age, and no longer than AUTH_JWKS_STALE_MS', async (t) => {
  const { issuer, outcome, accepted, clock } = await openWorld(t)
  assert.equal(await outcome(), accepted)
  await issuer.stop()
  for (const ms of [1, maxAgeMs, staleMs - 2]) {
    clock.advance(ms)
    assert.equal(await outcome(), accepted, `after ${ms} ms more`)
  }
  clock.advance(1)
  assert.equal(await outcome(), unavailable)
  await issuer.start()
  clock.advance(cooldownMs)
  assert.equal(await outcome(), accepted)
})

test('While the issuer is away, a token that names an unknown key may be good, so it is 503 and not 401', async (t) => {
  const { issuer, outcome, accepted, clock } = await openWorld(t)
  assert.equal(await outcome(), accepted)
  await issuer.stop()
  clock.advance(cooldownMs + 1)
  assert.equal(await outcome({ header: { kid: 'unknown' } }), unavailable)
  assert.equal(await outcome(), accepted)
})

/** Serves documents at their paths. */
async function serve(t: TestContext, documents: (url: string) => Readonly<Record<string, unknown>>) {
  const requested: string[] = []
  let found: Readonly<Record<string, unknown>> = {}
  const respond: RequestListener = ({ url = '' }, response) => {
    requested.push(url)
    const value = found[url]
    if (typeof value === 'function') value(response)
    else response.writeHead(value === undefined ? 404 : 200).end(JSON.stringify(value ?? {}))
  }
  const port = await listenOn(t, createServer(respond))
  const url = `http://127.0.0.1:${port}`
  found = documents(url)
  return { url, requested }
}

function publicKey() {
  const key = createSigningKey('first')
  const { d: _, ...jwk } = key
  return { key, jwk }
}

test('An issuer with a path has its metadata below it, or where RFC 8414 has them', async (t) => {
  const { key, jwk } = publicKey()
  for (const place of [
    '/realm/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/realm',
  ]) {
    const server = await serve(t, (url) => ({
      [place]: { issuer: `${url}/realm`, jwks_uri: `${url}/keys` },
      '/keys': { keys: [jwk] },
    }))
    const issuer = await openIssuer(t)
    const iss = `${server.url}/realm`
    const { bearer, clock } = openAuthentication(t, { AUTH_ISSUER: iss, AUTH_AUDIENCE: audience })
    const token = await issuer.sign(clock.now(), { key, claims: { iss } })
    assert.equal(outcomeOf(await bearer(token)), `${iss}|ada`)
  }
})

test('An issuer without discovery has its keys at AUTH_JWKS_URL, and several issuers each their own', async (t) => {
  const { key, jwk } = publicKey()
  const server = await serve(t, () => ({ '/keys': { keys: [{ kty: 'oct', k: 'AAAA', kid: 'first' }, jwk] } }))
  const issuer = await openIssuer(t)
  const { bearer, clock } = openAuthentication(t, {
    AUTH_ISSUER: `https://login.example.com, ${issuer.url}`,
    AUTH_JWKS_URL: `${server.url}/keys, ${issuer.url}/jwks`,
    AUTH_AUDIENCE: audience,
  })
  const iss = 'https://login.example.com'
  assert.equal(
    outcomeOf(await bearer(await issuer.sign(clock.now(), { key, claims: { iss } }))),
    `${iss}|ada`,
  )
  assert.equal(outcomeOf(await bearer(await issuer.sign(clock.now()))), `${issuer.url}|ada`)
  const foreign = await issuer.sign(clock.now(), { claims: { iss } })
  assert.equal(outcomeOf(await bearer(foreign)), invalidSignature)
  assert.deepEqual(server.requested, ['/keys'])
})

for (const [title, documents, reason] of [
  [
    'names another issuer',
    (url: string) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }),
    /which must be AUTH_ISSUER exactly/,
  ],
  [
    'has keys that are not protected by TLS',
    (url: string) => ({ issuer: url, jwks_uri: 'http://login.example.com/keys' }),
    /no jwks_uri with https/,
  ],
  [
    'has no end',
    () => (response: ServerResponse) => {
      response.on('error', () => {})
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more)
      }
      more()
    },
    /has more than 524288 bytes/,
  ],
  [
    'leads elsewhere',
    () => (response: ServerResponse) => {
      response.writeHead(302, { location: '/keys' }).end()
    },
    /fetch failed|redirect/,
  ],
  ['is no object', () => ['x'], /is not an object of JSON/],
] as const)
  test(`A document of an issuer that ${title} is refused, with the reason in the log`, async (t) => {
    const server = await serve(t, (url) => ({ '/.well-known/openid-configuration': documents(url) }))
    const { lines } = openAuthentication(t, { AUTH_ISSUER: server.url, AUTH_AUDIENCE: audience })
    await until(() => lines.length > 0)
    assert.match(String(lines[0]?.reason), reason)
  })

test('A JWK Set with more keys than an issuer can have is refused', async (t) => {
  const { jwk } = publicKey()
  const server = await serve(t, () => ({ '/keys': { keys: Array(101).fill(jwk) } }))
  const { lines } = openAuthentication(t, {
    AUTH_ISSUER: 'https://login.example.com',
    AUTH_JWKS_URL: `${server.url}/keys`,
    AUTH_AUDIENCE: audience,
  })
  await until(() => lines.length > 0)
  assert.match(String(lines[0]?.reason), /more than 100 keys/)
})
