import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLogger, openTelemetry } from '@quintet/chassis/telemetry'
import { startCollector } from '@quintet/chassis/testing/collector'
import { makeCertificate } from './make-certificate.ts'
import { eventually, secret as notifySecret, startReceiver } from './start-receiver.ts'
import { createWorld, dataFolder, startMs } from './world.ts'

const user = { name: 'Ada', email: 'ada@example.com', password: 'zebra-umbrella-42' }
const x509 = makeCertificate({ notBefore: startMs, notAfter: startMs + 1_000 })
const pem = Buffer.from(x509.privateKey.export({ format: 'pem', type: 'pkcs8' }))
const other = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })

/** The bytes in every form in which they were sent or could be disclosed. */
function formsOf(secret: Buffer): Buffer[] {
  const sha256 = createHash('sha256').update(secret).digest()
  return [secret, sha256].flatMap((bytes) => [
    bytes,
    ...(['base64', 'base64url', 'hex'] as const).map((encoding) => Buffer.from(bytes.toString(encoding))),
  ])
}

/** The private scalar, which is the same in every encoding of the key. */
const keyBytes = x509.privateKey.export({ format: 'jwk' }).d ?? ''
const secrets: readonly (readonly [string, Buffer])[] = [
  ['the password', user.password],
  ['a wrong password', 'wrong-umbrella-43'],
  ['the private key in PEM', pem],
  ['a line of it', pem.toString().split('\n')[1] ?? ''],
  ['its scalar', Buffer.from(keyBytes, 'base64url')],
  ['the private key in DER', other],
  ['an opaque key', 'opaque key bytes'],
  ['the secret of the notifications', notifySecret],
  ['the request that adds the user', JSON.stringify(user)],
].map(([name, secret]) => [String(name), Buffer.from(secret ?? '')])

/** Searches the places for every form of each secret. */
function search(t: TestContext, places: readonly (readonly [string, Buffer])[]): void {
  let searches = 0
  for (const [place, bytes] of places)
    for (const [name, secret] of secrets)
      for (const form of formsOf(secret)) {
        searches += 1
        assert.ok(!bytes.includes(form), `${place} contains ${name}`)
      }
  t.diagnostic(`${places.length} responses, files and other places that were searched`)
  t.diagnostic(`${places.reduce((sum, [, { length }]) => sum + length, 0)} bytes in them`)
  t.diagnostic(`${searches} searches for a form of a secret, none of which found it`)
}

/** Records everything, to a file in the folder and to a collector. */
async function startRecording(t: TestContext, folder: string) {
  const collector = await startCollector(t)
  const settings = {
    TELEMETRY_URL: `sqlite:${join(folder, 'telemetry.db')}`,
    OTLP_URL: collector.url,
    OTLP_HEADERS: '',
    TRACE_PER_SECOND: 1_000,
    TRACE_SLOW_MS: 1,
  }
  const logger = createLogger({ service: 'certificates', level: 'silent' })
  const telemetry = openTelemetry(settings, { logger })
  t.after(() => telemetry?.close())
  return { collector, telemetry }
}

test('No private key and no password is in any response, log line, metric, notification, trace or file', async (t) => {
  const folder = dataFolder(t)
  const { received, settings } = await startReceiver(t)
  const { telemetry, collector } = await startRecording(t, folder)
  const world = await createWorld(
    t,
    {
      ...settings,
      DATA_DIR: folder,
      CERTIFICATES_KEY: '',
      CERTIFICATES_DATABASE_URL: `sqlite:${join(folder, 'certificates.db')}`,
      CERTIFICATES_QUEUE_URL: `sqlite:${join(folder, 'queue.db')}`,
    },
    { telemetry },
  )
  const { app, get, post, patch } = world
  const certificate = (key: Buffer, body: string) => ({
    private_key: key.toString('base64'),
    active: true,
    body,
  })
  const opaqueKey = Buffer.from('opaque key bytes')
  const list = '/users/1/certificates'
  const broken = `{"private_key":"${pem.toString('base64')}","password":"${user.password}",`
  const json = { 'content-type': 'application/json' }
  const responses = [
    await post('/users', user, { 'idempotency-key': 'u' }),
    await post('/users', user, { 'idempotency-key': 'u' }),
    await post('/users', user),
    await post('/users', { ...user, extra: user.password }),
    await post('/users', { ...user, email: user.password }),
    await post('/users/login', { email: user.email, password: user.password }),
    await post('/users/login', { email: user.email, password: 'wrong-umbrella-43' }),
    await post(list, certificate(pem, x509.pem), { 'idempotency-key': 'c' }),
    await post(list, certificate(pem, x509.pem), { 'idempotency-key': 'c' }),
    await post(list, certificate(other, x509.pem)),
    await post(list, certificate(other, 'opaque')),
    await post(list, certificate(opaqueKey, 'opaque'), { 'idempotency-key': 'o' }),
    await post(list, { ...certificate(pem, 'x'), private_key: `${pem}` }),
    await app.inject({ method: 'POST', url: list, payload: broken, headers: json }),
    await app.inject({
      method: 'POST',
      url: list,
      payload: broken,
      headers: { 'content-type': 'text/plain' },
    }),
    await get('/users/1'),
    await get(list),
    await get(`${list}/1`),
    await get('/certificates'),
    await patch(`${list}/1`, { active: false, notify: true }),
    await get(`/users/1?password=${user.password}`, { authorization: `Basic ${user.password}` }),
    await get('/metrics'),
    await get('/openapi.json'),
  ]
  assert.deepEqual(
    responses.map(({ statusCode }) => statusCode),
    [
      201, 201, 409, 400, 422, 200, 401, 201, 201, 422, 201, 201, 422, 400, 415, 200, 200, 200, 200, 202, 422,
      200, 200,
    ],
  )
  responses.push(
    await eventually(
      () => get(`${list}/1/notifications`),
      (response) => response.json()[0].status === 'delivered',
    ),
  )
  assert.equal(received.length, 1)
  await telemetry?.close()

  const places: [string, Buffer][] = [
    ...responses.map(({ raw, body }, i): [string, Buffer] => [
      `response ${i}`,
      Buffer.from(JSON.stringify(raw.res.getHeaders()) + body),
    ]),
    ['the log', Buffer.from(world.logged())],
    ['a notification', Buffer.from(JSON.stringify(received))],
    ...collector.bodies().map((body): [string, Buffer] => ['what a collector gets', body]),
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file): [string, Buffer] => [file.name, readFileSync(join(file.parentPath, file.name))]),
  ]
  const names = places.map(([name]) => name)
  for (const file of [
    'certificates.db-wal',
    'queue.db-wal',
    'certificates.key',
    'telemetry.db',
    'what a collector gets',
  ])
    assert.ok(names.includes(file), `${names} has ${file}`)
  assert.ok(world.logged().includes('"route":"/users/login"'))
  for (const place of ['telemetry.db', 'what a collector gets'])
    assert.ok(
      places.some(([name, bytes]) => name === place && bytes.includes('POST /users/login')),
      `${place} is searched`,
    )
  assert.ok(
    places.some(([, bytes]) => bytes.includes('$argon2id$')),
    'the files are searched',
  )
  search(t, places)
})
