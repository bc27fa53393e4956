import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { diagnoseIssuer, diagnoseLimits } from '@quintet/chassis/diagnosis'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { openIssuer } from './issuer-world.ts'

const findingsOf = async (issuer: string, jwksUrl?: string) =>
  (await diagnoseIssuer(issuer, jwksUrl)).map(({ verdict, text }) => `${verdict}: ${text}`)

test('An issuer that responds is good with its keys, found by discovery or by their URL, and one that does not is broken', async (t) => {
  const issuer = await openIssuer(t)
  const good = [`good: It answers, and has a key at ${issuer.url}/jwks.`]
  assert.deepEqual(await findingsOf(issuer.url), good)
  assert.deepEqual(await findingsOf('https://login.example.com', `${issuer.url}/jwks`), good)
  const [other = ''] = await findingsOf(`${issuer.url}/`)
  assert.match(other, /^broken: It cannot be examined: .*AUTH_ISSUER exactly/)
  await issuer.stop()
  const [stopped = ''] = await findingsOf(issuer.url)
  assert.match(stopped, /^broken: It cannot be examined: ./)
})

test('Keys of an issuer that cannot be read are a finding', async (t) => {
  let keys: unknown[] = [{ kty: 'oct', k: 'c2VjcmV0' }]
  const port = await listenOn(
    t,
    createServer((_request, response) => response.end(JSON.stringify({ keys }))),
  )
  const url = `http://127.0.0.1:${port}/jwks`
  const found = () => findingsOf('https://login.example.com', url)
  assert.deepEqual(await found(), [
    `broken: It has no public key that can be read at ${url}: no token is accepted.`,
  ])
  const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
  ])
  keys = [await crypto.subtle.exportKey('jwk', publicKey), { kty: 'new' }]
  assert.deepEqual(await found(), [
    `good: It answers, and has a key at ${url}.`,
    'weak: It has 1 of a kind that cannot be read, whose tokens are refused.',
  ])
})

test('A Redis of limits that cannot be reached is broken, and its password is not shown', async () => {
  const [{ verdict, text } = { verdict: '', text: '' }, ...others] = await diagnoseLimits(
    'redis://ada:hidden@127.0.0.1:1',
  )
  assert.equal(verdict, 'broken')
  assert.match(text, /^It cannot be examined: connect ECONNREFUSED /)
  assert.doesNotMatch(text, /hidden/)
  assert.deepEqual(others, [])
})
