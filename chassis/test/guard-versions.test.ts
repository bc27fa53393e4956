import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Clock } from '@quintet/chassis/clock'
import { linkToNextPage, listen } from '@quintet/chassis/http'
import type { GuardParts, VersionSettings } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { Type } from 'typebox'
import { apiVersions, faultsOf } from '../src/config/index.ts'
import { limitsBy } from './fixed-limits.ts'
import { createManualClock } from './manual-clock.ts'
import { createSampleApp } from './sample-app.ts'
import { settingsOf } from './settings-contract.ts'

const deprecated = Date.parse('2027-01-01T00:00Z')
const sunset = Date.parse('2027-07-01T00:00Z')
const ending = `"v1";deprecated=@${deprecated / 1_000};sunset=@${sunset / 1_000};link="https://example.com/v1"`

async function start(
  t: TestContext,
  versions: VersionSettings,
  given: { guardParts?: GuardParts; clock?: Clock } = {},
) {
  let log = ''
  const destination = {
    write(text: string) {
      log += text
    },
  }
  const logger = createLogger({ service: 'sample', level: 'info', destination })
  const app = await createSampleApp(t, { versions, ...given, logger })
  app.get('/things', (request, reply) => {
    reply.header('link', linkToNextPage(request, 'x')).send([request.url])
  })
  app.post('/things', (_, reply) => {
    reply.code(201).header('location', '/things/1').send({})
  })
  app.get('/v2/things', async () => ['second'])
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const send = (path: string, options: RequestInit = {}) => fetch(address + path, options)
  const logged = () => {
    logger.flush()
    return log
  }
  return { send, logged }
}

test('A path with a version is that path, and leads to others in the same form', async (t) => {
  const { send, logged } = await start(t, { list: '"v1"' })
  for (const [path, prefix] of [
    ['/things', ''],
    ['/things?a=b', ''],
    ['/v1/things', '/v1'],
    ['/v1/things/?a=b', '/v1'],
  ] as const) {
    const response = await send(path)
    assert.equal(response.status, 200, path)
    assert.ok(response.headers.get('link')?.startsWith(`<${prefix}/things`), path)
    const posted = await send(`${prefix}/things`, { method: 'POST' })
    assert.equal(posted.headers.get('location'), `${prefix}/things/1`)
  }
  assert.equal(Object(await (await send('/v1/')).json()).openapi, '/v1/openapi.json')
  for (const path of ['/v2', '/v3/things', '/v1things', '/v01/things', '/V1/things', '/v1/v1/things'])
    assert.equal((await send(path)).status, 404, path)
  assert.match(logged(), /"\/v1\/things"/)
})

test('A route of its own is that of the version which is in its path', async (t) => {
  const { send } = await start(t, { list: '"v1","v2"', paths: ['/v2/things'] })
  assert.deepEqual(await (await send('/v2/things')).json(), ['second'])
  assert.deepEqual(await (await send('/v1/things')).json(), ['/things'])
  assert.equal((await send('/v2/thingsandmore')).status, 404)
})

test('A version that ends says so in each response, and is 410 afterwards', async (t) => {
  const clock = createManualClock(deprecated - 1)
  const { send } = await start(t, { list: `${ending}, "v2"` }, { clock })
  const fieldsOf = async (path: string, method = 'GET') => {
    const { status, headers } = await send(path, { method })
    return [status, ...['deprecation', 'sunset', 'link'].map((name) => headers.get(name))]
  }
  const ends = [`@${deprecated / 1_000}`, 'Thu, 01 Jul 2027 00:00:00 GMT']
  const page = '<https://example.com/v1>; rel="deprecation"'
  assert.deepEqual(await fieldsOf('/v1/things', 'POST'), [201, ...ends, page])
  assert.deepEqual(await fieldsOf('/v1/nothing'), [404, ...ends, page])
  assert.deepEqual(await fieldsOf('/things', 'POST'), [201, null, null, null])
  assert.deepEqual(await fieldsOf('/v2/things', 'POST'), [201, null, null, null])
  clock.set(sunset - 1)
  assert.equal((await fieldsOf('/v1/things'))[0], 200)
  clock.set(sunset)
  const successor = '</v2/th%3C%3Eings/%C3%A9>; rel="successor-version"'
  assert.deepEqual(await fieldsOf('/v1/th<>ings/%C3%A9?a=b'), [410, ...ends, `${page}, ${successor}`])
  const gone = await send('/v1/things')
  assert.equal(Object(await gone.json()).type, 'urn:quintet:problem:gone')
  assert.equal((await fieldsOf('/things', 'POST'))[0], 201)
})

test('Limits and authentication get a path alike with and without its version', async (t) => {
  const paths: string[] = []
  const authenticator: GuardParts['authenticator'] = {
    authenticate(_request, { path }) {
      paths.push(path)
      return undefined
    },
    close: async () => {},
  }
  const limits = limitsBy(({ path }) => {
    paths.push(path)
    return { refusal: undefined, fields: [] }
  })
  const { send } = await start(t, { list: '"v1"' }, { guardParts: { limits, authenticator } })
  for (const path of ['/things', '/v1/things', '/v1/th%69ngs/?a=b']) await send(path)
  assert.deepEqual(paths, Array(6).fill('/things'))
})

test('Versions are a list in the notation of structured fields, each once, and deprecated before it ends', () => {
  const schema = Type.Object({ API_VERSIONS: apiVersions })
  for (const list of ['"v1"', `${ending}, "v2"`, '"v2";sunset=@1'])
    assert.deepEqual(faultsOf(schema, settingsOf({ API_VERSIONS: list })), [], list)
  for (const [list, fault] of [
    ['v1', '"v1" is not a version'],
    ['', '"" is not a version'],
    ['"v0"', '"\\"v0\\"" is not a version'],
    ['"v1";sunset=2027', '"\\"v1\\";sunset=2027" is not a version'],
    ['"v1", "v1"', 'v1 is there twice'],
    ['"v1";deprecated=@2;sunset=@1', 'v1 ends before it is deprecated'],
  ] as const) {
    const [sentence = '', ...more] = faultsOf(schema, settingsOf({ API_VERSIONS: list }))
    assert.deepEqual(more, [])
    assert.ok(sentence.includes(`(${fault})`), sentence)
  }
})
