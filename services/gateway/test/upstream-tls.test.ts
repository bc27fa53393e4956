import assert from 'node:assert/strict'
import { createServer as createServerWithoutTls } from 'node:http'
import { createServer } from 'node:https'
import type { ServerOptions } from 'node:https'
import type { IncomingMessage, RequestListener } from 'node:http'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { TLSSocket } from 'node:tls'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { authority, tlsFiles, validDays } from '@quintet/chassis/testing/tls'
import type { GatewayConfig } from '../src/config.ts'
import { startGateway } from './start-gateway.ts'

type Files = ReturnType<typeof tlsFiles>

/** A service with TLS behind a gateway, which trusts its authority unless settings say otherwise. */
async function start(
  t: TestContext,
  {
    files = tlsFiles(t),
    host = 'localhost',
    handler = (_request, response) => response.end('hello'),
    options = {},
    settings = {},
  }: {
    files?: Files
    host?: string
    handler?: RequestListener
    options?: ServerOptions
    settings?: Partial<GatewayConfig>
  } = {},
) {
  const received: IncomingMessage[] = []
  const server = createServer({
    key: readFileSync(files.key),
    cert: readFileSync(files.certificate),
    ...options,
  })
  server.on('request', (request, response) => {
    received.push(request)
    handler(request, response)
  })
  const port = await listenOn(t, server)
  const { url } = await startGateway(t, {
    GUID_URL: `https://${host}:${port}`,
    GATEWAY_UPSTREAM_CA_FILE: files.authority,
    ...settings,
  })
  return { url: `${url}/guid`, received, server }
}

for (const host of ['localhost', '127.0.0.1'])
  test(`A request is forwarded with TLS to a service whose certificate is for ${host}`, async (t) => {
    const { url, received } = await start(t, { host })
    const response = await fetch(url)
    assert.deepEqual([response.status, await response.text()], [200, 'hello'])
    assert.equal(received[0]?.headers['x-forwarded-proto'], 'http')
  })

test('A body of a megabyte reaches a service with TLS, and comes back', async (t) => {
  const { url } = await start(t, { handler: (request, response) => request.pipe(response) })
  const body = Buffer.alloc(1_048_576, 'quintet')
  const response = await fetch(url, { method: 'POST', body })
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body)
})

for (const [title, files, host] of [
  [
    'is of another authority',
    (t: TestContext, own: Files) => ({ ...own, authority: tlsFiles(t).authority }),
    'localhost',
  ],
  [
    'is for another name',
    (t: TestContext) => tlsFiles(t, undefined, { names: ['example.com'] }),
    'localhost',
  ],
  [
    'is for another address',
    (t: TestContext) => tlsFiles(t, undefined, { names: ['localhost'] }),
    '127.0.0.1',
  ],
] as const)
  test(`A service whose certificate ${title} gets no request, and clients get 502`, async (t) => {
    const { url, received } = await start(t, { files: files(t, tlsFiles(t)), host })
    for (const method of ['GET', 'POST'])
      assert.equal((await fetch(url, { method, ...(method === 'POST' && { body: 'x' }) })).status, 502)
    assert.equal(received.length, 0)
  })

test('The certificate of a service is verified by its name, whatever address that has', async (t) => {
  const { url } = await start(t, { files: tlsFiles(t, undefined, { names: ['localhost'] }) })
  assert.equal((await fetch(url)).status, 200)
})

test('Another connection to a service resumes the session of the one before', async (t) => {
  const reused: boolean[] = []
  const { url } = await start(t, {
    handler({ socket }, response) {
      if (socket instanceof TLSSocket) reused.push(socket.isSessionReused())
      response.setHeader('connection', 'close').end()
    },
  })
  await fetch(url)
  await fetch(url)
  assert.deepEqual(reused, [false, true])
})

test('The gateway shows a certificate of its own to services that demand one', async (t) => {
  const clients = tlsFiles(t, authority('of clients'))
  const options = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(clients.authority) }
  const without = await start(t, { options })
  assert.equal((await fetch(without.url)).status, 502)
  const { url } = await start(t, {
    options,
    settings: { GATEWAY_UPSTREAM_CERT_FILE: clients.certificate, GATEWAY_UPSTREAM_KEY_FILE: clients.key },
  })
  assert.equal((await fetch(url)).status, 200)
})

test('The authorities of services are read again when they change', async (t) => {
  const [files, later] = [tlsFiles(t), tlsFiles(t)]
  const { url, server } = await start(t, {
    files,
    handler: (_request, response) => response.setHeader('connection', 'close').end(),
  })
  assert.equal((await fetch(url)).status, 200)
  server.setSecureContext({ key: readFileSync(later.key), cert: readFileSync(later.certificate) })
  files.write(files.authority, later.ca)
  await until(async () => (await fetch(url)).status === 200)
})

test('The end of a connection with TLS does not end a response whose length it would state', async (t) => {
  const { url } = await start(t, {
    handler(_request, { socket }) {
      socket?.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it')
    },
  })
  await assert.rejects(async () => (await fetch(url)).text())
})

/** The reason in the state of the system, and that in the log, once a request has failed. */
async function reasonsFor(t: TestContext, settings: Partial<GatewayConfig>) {
  const lines: { msg?: string; reason?: string; upstream?: string }[] = []
  const logger = createLogger({
    service: 'gateway',
    level: 'warn',
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  })
  const { url } = await startGateway(t, settings, { logger })
  assert.equal((await fetch(`${url}/guid`)).status, 502)
  const health = Object(await (await fetch(`${url}/health`)).json())
  const ofTls = lines.filter(({ msg }) => msg === 'a service cannot be reached with TLS')
  assert.deepEqual(
    ofTls.map(({ upstream }) => upstream),
    ['guid'],
  )
  return { health: health.services.guid.addresses[0].reason, log: ofTls[0]?.reason }
}

for (const [title, files, settings, options, reason] of [
  [
    'is signed by an authority that no setting names',
    (t: TestContext) => tlsFiles(t),
    () => ({ GATEWAY_UPSTREAM_CA_FILE: '' }),
    {},
    /^Its certificate is of no authority that the gateway trusts: name the file of its authority in GATEWAY_UPSTREAM_CA_FILE \(SELF_SIGNED_CERT_IN_CHAIN\)\.$/,
  ],
  [
    'comes without that of such an authority',
    (t: TestContext) => tlsFiles(t),
    () => ({ GATEWAY_UPSTREAM_CA_FILE: '' }),
    { ca: undefined },
    /GATEWAY_UPSTREAM_CA_FILE \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)\.$/,
  ],
  [
    'has ended',
    (t: TestContext) => tlsFiles(t, undefined, validDays(-2, -1)),
    () => ({}),
    {},
    /^Its certificate, or that of its authority, has ended or has not begun: renew it .* \(CERT_HAS_EXPIRED\)\.$/,
  ],
  [
    'is for another name',
    (t: TestContext) => tlsFiles(t, undefined, { names: ['example.com'] }),
    () => ({}),
    {},
    /^Its certificate is for other names: give GUID_URL one of these, .* \(ERR_TLS_CERT_ALTNAME_INVALID\)\.$/,
  ],
  [
    'is good, but demands one of the gateway',
    (t: TestContext) => tlsFiles(t),
    () => ({}),
    { requestCert: true, rejectUnauthorized: true },
    /set GATEWAY_UPSTREAM_CERT_FILE and GATEWAY_UPSTREAM_KEY_FILE .* \(ERR_SSL_.*CERTIFICATE.*\)\.$/,
  ],
] as const)
  test(`The state of the system and the log say why a service cannot be reached whose certificate ${title}`, async (t) => {
    const own = files(t)
    const server = createServer({
      key: readFileSync(own.key),
      cert: readFileSync(own.certificate),
      ca: readFileSync(own.authority),
      ...options,
    })
    const port = await listenOn(t, server)
    const found = await reasonsFor(t, {
      GUID_URL: `https://localhost:${port}`,
      GATEWAY_UPSTREAM_CA_FILE: own.authority,
      ...settings(),
    })
    assert.match(found.health, reason)
    assert.equal(found.log, found.health)
  })

test('The state of the system and the log say so of a service without TLS, with the setting of its address', async (t) => {
  const port = await listenOn(
    t,
    createServerWithoutTls((_request, response) => response.end()),
  )
  const found = await reasonsFor(t, { GUID_URL: `https://localhost:${port}` })
  assert.match(
    found.health,
    /^It has no TLS, or none that the gateway supports: set GUID_URL to http:, .*\(E[A-Z_]+\)\.$/,
  )
  assert.equal(found.log, found.health)
})

test('A service that nobody runs has its reason in the state of the system, and no line about TLS', async (t) => {
  const { url } = await startGateway(t, {})
  const health = Object(await (await fetch(`${url}/health`)).json())
  assert.equal(health.services.guid.addresses[0].reason, 'It cannot be reached (ECONNREFUSED).')
})
