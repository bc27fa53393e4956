import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { createSigningKey } from '@quintet/backends/issuer'
import { SignJWT, UnsecuredJWT } from 'jose'
import { audience, openAuthentication, openIssuer, outcomeOf } from './issuer-world.ts'

/** Tokens of a real issuer, and tokens that differ from them in one thing. */

// The first import of the issuer's packages takes longer than all tests.
before(() => import('oidc-provider'))

const skewMs = 30_000

async function openWorld(t: TestContext, settings: Parameters<typeof openAuthentication>[1] = {}) {
  const issuer = await openIssuer(t)
  const world = openAuthentication(t, { AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: audience, ...settings })
  const sign = (differences?: Parameters<typeof issuer.sign>[1]) =>
    issuer.sign(world.clock.now(), differences)
  return { issuer, sign, ...world }
}

const refused = (description: string) =>
  `401 invalid_token error="invalid_token", error_description="${description}"`

test('A token from the issuer by client credentials shows who sends the request, and its scopes', async (t) => {
  const { issuer, clock, bearer } = await openWorld(t)
  clock.set(Date.now())
  const found = await bearer(await issuer.token('movies:read movies:write'))
  assert.ok(found !== undefined && 'scopes' in found)
  assert.equal(found.id, `${issuer.url}|script`)
  assert.equal(found.kind, 'token')
  assert.deepEqual([...found.scopes], ['movies:read', 'movies:write'])
  assert.ok(Number(found.expiresAt) > clock.now())
})

test('Without a token the response names the metadata of the resource and no error', async (t) => {
  const { send } = await openWorld(t)
  const found = await send([])
  assert.ok(found !== undefined && 'error' in found)
  assert.equal(found.error.status, 401)
  assert.deepEqual(found.fields, [
    'www-authenticate',
    'Bearer realm="quintet", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
  ])
})

test('Where authentication is optional, no token is anonymous and a bad one is refused', async (t) => {
  const { send, bearer } = await openWorld(t, { AUTH: 'optional' })
  assert.equal(outcomeOf(await send([])), 'anonymous')
  assert.equal(outcomeOf(await bearer('x.y.z')), refused('malformed'))
})

test('A token is never taken from the query or from a cookie', async (t) => {
  const { send, sign } = await openWorld(t)
  const token = await sign()
  assert.equal(outcomeOf(await send([], `/api/movies?access_token=${token}`)), '401 unauthorized')
  assert.equal(outcomeOf(await send([['Cookie', `access_token=${token}`]])), '401 unauthorized')
})

test('Two Authorization fields are refused, also where each is good', async (t) => {
  const { send, sign } = await openWorld(t)
  const field = ['authorization', `Bearer ${await sign()}`] as const
  assert.match(String(outcomeOf(await send([field, field]))), /^400 malformed error="invalid_request"/)
})

test('Another scheme is no token, and the name of the scheme is in any case', async (t) => {
  const { issuer, send, sign } = await openWorld(t)
  assert.equal(outcomeOf(await send([['Authorization', 'Basic YWRhOng=']])), '401 unauthorized')
  assert.equal(outcomeOf(await send([['Authorization', `bEaReR ${await sign()}`]])), `${issuer.url}|ada`)
})

for (const [title, claims, expected] of [
  ['for another audience', { aud: 'another' }, refused('audience')],
  ['for no audience', { aud: undefined }, refused('audience')],
  ['of another issuer', { iss: 'https://login.example.com' }, refused('issuer')],
  ['without an issuer', { iss: undefined }, refused('issuer')],
  ['that does not expire', { exp: undefined }, refused('claims')],
  ['without a subject', { sub: undefined }, refused('claims')],
  ['with an empty subject', { sub: '' }, refused('claims')],
  ['with a line break in its subject', { sub: 'a\nb' }, refused('claims')],
  ['with a subject that is too long for an owner', { sub: 'a'.repeat(255) }, refused('claims')],
] as const)
  test(`A token ${title} is refused`, async (t) => {
    const { bearer, sign } = await openWorld(t)
    assert.equal(outcomeOf(await bearer(await sign({ claims }))), expected)
  })

test('The issuer of a token must be the same to the character', async (t) => {
  const { issuer, bearer, sign } = await openWorld(t)
  for (const iss of [`${issuer.url}/`, issuer.url.toUpperCase(), `${issuer.url} `])
    assert.equal(outcomeOf(await bearer(await sign({ claims: { iss } }))), refused('issuer'))
})

test('A token for several audiences is accepted where this is one of them', async (t) => {
  const { issuer, bearer, sign } = await openWorld(t)
  assert.equal(outcomeOf(await bearer(await sign({ claims: { aud: ['x', audience] } }))), `${issuer.url}|ada`)
})

for (const [title, header, expected] of [
  ['of another type', { typ: 'logout+jwt' }, refused('type')],
  ['that has an extension which must be understood', { crit: ['example'], example: 1 }, refused('malformed')],
  ['that names an unknown key', { kid: 'unknown' }, refused('signature')],
] as const)
  test(`A token with a header ${title} is refused`, async (t) => {
    const { bearer, sign } = await openWorld(t)
    assert.equal(outcomeOf(await bearer(await sign({ header }))), expected)
  })

test('The type of a token is compared without case and with or without application/, and is JWT by default', async (t) => {
  const { issuer, bearer, sign } = await openWorld(t)
  for (const typ of ['AT+JWT', 'application/at+jwt', 'jwt', undefined])
    assert.equal(outcomeOf(await bearer(await sign({ header: { typ } }))), `${issuer.url}|ada`, String(typ))
})

test('Where AUTH_TOKEN_TYPES is at+jwt, a token of another type is refused', async (t) => {
  const { issuer, bearer, sign } = await openWorld(t, { AUTH_TOKEN_TYPES: 'at+jwt' })
  for (const typ of ['JWT', undefined])
    assert.equal(outcomeOf(await bearer(await sign({ header: { typ } }))), refused('type'))
  assert.equal(outcomeOf(await bearer(await sign())), `${issuer.url}|ada`)
})

test('A token without a signature is refused', async (t) => {
  const { issuer, clock, bearer } = await openWorld(t)
  const exp = Math.floor(clock.now() / 1_000) + 60
  const token = new UnsecuredJWT({ iss: issuer.url, aud: audience, sub: 'ada', exp }).encode()
  assert.equal(outcomeOf(await bearer(token)), refused('signature'))
  const [, payload = ''] = token.split('.')
  const header = btoa(JSON.stringify({ alg: 'nOnE', typ: 'at+jwt' })).replaceAll('=', '')
  assert.equal(outcomeOf(await bearer(`${header}.${payload}.`)), refused('signature'))
})

test('A token that is signed by the public key of the issuer as a shared secret is refused', async (t) => {
  const { issuer, clock, bearer } = await openWorld(t)
  const [key] = issuer.keys()
  assert.ok(key !== undefined)
  const { d: _, ...shared } = key
  const pem = createPublicKey({ key: shared, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const exp = Math.floor(clock.now() / 1_000) + 60
  for (const secret of [pem.toString(), JSON.stringify(shared)]) {
    const token = await new SignJWT({ iss: issuer.url, aud: audience, sub: 'ada', exp })
      .setProtectedHeader({ alg: 'HS256', kid: key.kid, typ: 'at+jwt' })
      .sign(new TextEncoder().encode(secret))
    assert.equal(outcomeOf(await bearer(token)), refused('signature'))
  }
})

test('A token that another key has signed under the name of a known one is refused', async (t) => {
  const { bearer, sign } = await openWorld(t)
  for (const key of [createSigningKey('first'), createSigningKey('first', 'RS256')])
    assert.equal(outcomeOf(await bearer(await sign({ key }))), refused('signature'))
})

test('A key that the token itself brings or leads to is not used', async (t) => {
  const { bearer, sign } = await openWorld(t)
  const attacker = await openIssuer(t)
  const [key] = attacker.keys()
  assert.ok(key !== undefined)
  const { d: _, ...jwk } = key
  const url = `${attacker.url}/jwks`
  for (const header of [{ jwk }, { jku: url }, { x5u: url }, { jku: url, kid: 'another' }])
    assert.equal(outcomeOf(await bearer(await sign({ key, header }))), refused('signature'))
  assert.equal(attacker.keyFetches(), 0)
})

test('An algorithm that AUTH_ALGORITHMS does not have is refused', async (t) => {
  const { bearer, sign } = await openWorld(t, { AUTH_ALGORITHMS: 'RS256' })
  assert.equal(outcomeOf(await bearer(await sign())), refused('signature'))
})

test('A token whose claims were changed after it was signed is refused', async (t) => {
  const { bearer, sign } = await openWorld(t)
  const [header, , signature] = (await sign()).split('.')
  const [, payload] = (await sign({ claims: { sub: 'grace' } })).split('.')
  assert.equal(outcomeOf(await bearer(`${header}.${payload}.${signature}`)), refused('signature'))
})

test('A token of 8 KiB is accepted, and one of 9 KiB is refused', async (t) => {
  const { issuer, bearer, sign } = await openWorld(t)
  const ofLength = async (length: number) => {
    const { length: bare } = await sign({ claims: { more: '' } })
    return sign({ claims: { more: 'x'.repeat(Math.floor(((length - bare) * 3) / 4) - 2) } })
  }
  const [whole, long] = [await ofLength(8_192), await ofLength(9_216)]
  assert.ok(whole.length > 8_180 && whole.length <= 8_192 && long.length > 9_200)
  assert.equal(outcomeOf(await bearer(whole)), `${issuer.url}|ada`)
  assert.equal(outcomeOf(await bearer(long)), refused('malformed'))
})

for (const token of ['', 'x', 'x.y.z', '..', '....', 'e30.e30.e30', 'bnVsbA.bnVsbA.bnVsbA', 'a b c', '%00'])
  test(`"${token}" is no token`, async (t) => {
    const { bearer } = await openWorld(t)
    assert.equal(outcomeOf(await bearer(token)), refused('malformed'))
  })

test('A token is accepted until the clock skew after its expiry, to the millisecond, whether it is kept or not', async (t) => {
  const { issuer, bearer, sign, clock } = await openWorld(t)
  const expiry = clock.now() + 60_000
  const claims = { exp: expiry / 1_000 }
  const [kept, fresh] = [await sign({ claims }), await sign({ claims: { ...claims, jti: 'fresh' } })]
  assert.equal(outcomeOf(await bearer(kept)), `${issuer.url}|ada`)
  clock.set(expiry + skewMs - 1)
  for (const token of [kept, fresh]) assert.equal(outcomeOf(await bearer(token)), `${issuer.url}|ada`)
  clock.set(expiry + skewMs)
  for (const token of [kept, fresh]) assert.equal(outcomeOf(await bearer(token)), refused('expired'))
})

test('A token is accepted from the clock skew before its time on', async (t) => {
  const { issuer, bearer, sign, clock } = await openWorld(t)
  const token = await sign({ claims: { nbf: (clock.now() + 60_000) / 1_000 } })
  clock.advance(60_000 - skewMs - 1_000)
  assert.equal(outcomeOf(await bearer(token)), refused('not yet valid'))
  clock.advance(1_000)
  assert.equal(outcomeOf(await bearer(token)), `${issuer.url}|ada`)
})

test('The time at which a token was issued is ignored, since clocks differ', async (t) => {
  const { issuer, bearer, sign, clock } = await openWorld(t)
  const token = await sign({ claims: { iat: clock.now() / 1_000 + 3_000 } })
  assert.equal(outcomeOf(await bearer(token)), `${issuer.url}|ada`)
})

test('A verified token is kept for five minutes, and then needs no promise', async (t) => {
  const { authentication, bearer, sign, clock, client, issuer } = await openWorld(t)
  const token = await sign()
  const request = { headers: { authorization: `Bearer ${token}` }, rawHeaders: [] }
  const authenticate = () => authentication.authenticate(request, { client, path: '/' })
  assert.ok(authenticate() instanceof Promise)
  assert.equal(outcomeOf(await bearer(token)), `${issuer.url}|ada`)
  clock.advance(299_999)
  assert.ok(!(authenticate() instanceof Promise))
  clock.advance(1)
  assert.ok(authenticate() instanceof Promise)
})

test('A refused token is verified again after a second', async (t) => {
  const { authentication, sign, clock, client } = await openWorld(t)
  const token = await sign({ claims: { aud: 'another' } })
  const request = { headers: { authorization: `Bearer ${token}` }, rawHeaders: [] }
  const authenticate = () => authentication.authenticate(request, { client, path: '/' })
  await authenticate()
  clock.advance(999)
  assert.ok(!(authenticate() instanceof Promise))
  clock.advance(1)
  assert.ok(authenticate() instanceof Promise)
})

test('Scopes are found in the claims of AUTH_SCOPE_CLAIM, as a text or an array, with or without the audience before them', async (t) => {
  const { bearer, sign } = await openWorld(t, { AUTH_SCOPE_CLAIM: 'scp, roles' })
  const scopesOf = async (claims: Record<string, unknown>) => {
    const found = await bearer(await sign({ claims }))
    assert.ok(found !== undefined && 'scopes' in found)
    return [...found.scopes]
  }
  assert.deepEqual(await scopesOf({ scp: 'guid:read guid:write' }), ['guid:read', 'guid:write'])
  assert.deepEqual(await scopesOf({ scp: ['guid:read'], roles: ['movies:read'] }), [
    'guid:read',
    'movies:read',
  ])
  assert.deepEqual(await scopesOf({ roles: [`${audience}/guid:read`, 7, null] }), ['guid:read'])
  assert.deepEqual(await scopesOf({ scope: 'guid:read', scp: { 'guid:read': true } }), [])
})

test('The plan is found in the claim of AUTH_PLAN_CLAIM', async (t) => {
  const { bearer, sign } = await openWorld(t, { AUTH_PLAN_CLAIM: 'plan' })
  for (const [plan, expected] of [
    ['gold', 'gold'],
    [7, undefined],
    [undefined, undefined],
  ]) {
    const found = await bearer(await sign({ claims: { plan } }))
    assert.ok(found !== undefined && 'plan' in found)
    assert.equal(found.plan, expected)
  }
})

test('A token or a subject that AUTH_DENY_FILE names is refused as soon as the file has it, also if it was kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-denied-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'denied')
  writeFileSync(file, '# Revoked tokens and subjects\n\n')
  const { issuer, bearer, sign, clock, lines } = await openWorld(t, { AUTH_DENY_FILE: file })
  const [one, other] = [await sign({ claims: { jti: 'one' } }), await sign({ claims: { sub: 'eve' } })]
  assert.equal(outcomeOf(await bearer(one)), `${issuer.url}|ada`)
  assert.equal(outcomeOf(await bearer(other)), `${issuer.url}|eve`)
  writeFileSync(file, 'one\n  eve  \n')
  clock.advance(250)
  for (const token of [one, other]) assert.equal(outcomeOf(await bearer(token)), refused('revoked'))
  assert.equal(outcomeOf(await bearer(await sign({ claims: { jti: 'two' } }))), `${issuer.url}|ada`)
  rmSync(file)
  clock.advance(250)
  assert.equal(outcomeOf(await bearer(one)), refused('revoked'))
  assert.match(String(lines.at(-1)?.msg), /AUTH_DENY_FILE cannot be read, so its last content stays in force/)
})

test('The metrics have how many tokens were kept, verified and refused, and the age of the keys', async (t) => {
  const { bearer, sign, clock, metrics, issuer } = await openWorld(t)
  const token = await sign()
  for (const one of [token, token, await sign({ claims: { aud: 'x' } })]) await bearer(one)
  clock.advance(2_000)
  const text = await metrics.text()
  for (const [result, count] of [
    ['kept', 1],
    ['verified', 1],
    ['refused', 1],
  ])
    assert.match(text, new RegExp(`^quintet_auth_tokens_total\\{result="${result}".*\\} ${count}$`, 'm'))
  assert.ok(text.includes(`quintet_auth_keys_age_seconds{issuer="${issuer.url}"} 2`))
  assert.match(text, /^quintet_auth_key_fetches_total\{result="ok".*\} 1$/m)
})
