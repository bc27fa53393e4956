import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as requestInClear } from 'node:http'
import { request } from 'node:https'
import type { RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import { promisify } from 'node:util'
import type { ConnectionOptions } from 'node:tls'
import { listenerFaults } from '@quintet/chassis/config'
import { listen } from '@quintet/chassis/http'
import type { AppOptions, TlsOptions } from '@quintet/chassis/http'
import { createMetrics } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { closeOf, freePort, sendBytes } from '@quintet/chassis/testing/sockets'
import { authority, namedTlsFiles, tlsFiles, validDays } from '@quintet/chassis/testing/tls'
import { createLines } from './log-lines.ts'
import { createSampleApp } from './sample-app.ts'

/** An app with TLS, and requests to it whose client trusts its authority. */
async function startApp(
  t: TestContext,
  {
    files = tlsFiles(t),
    tls = {},
    clientAuthorities,
    ...options
  }: Partial<Omit<AppOptions, 'tls'>> & {
    files?: ReturnType<typeof tlsFiles>
    tls?: Partial<TlsOptions>
    clientAuthorities?: string
  } = {},
) {
  const app = await createSampleApp(t, {
    ...options,
    tls: { files: namedTlsFiles(files, clientAuthorities), ...tls },
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
  const port = Number(new URL(url).port)
  return {
    app,
    files,
    port,
    get: (path: string, more: RequestOptions = {}) =>
      responseTo(request({ port, path, ca: files.ca, agent: false, servername: 'localhost', ...more })),
    /** The serial number of the certificate that a new connection gets. */
    async serialNumber() {
      const socket = connectSecurely({ port, ca: files.ca, servername: 'localhost' })
      await once(socket, 'secureConnect')
      const { serialNumber } = socket.getPeerCertificate()
      socket.destroy()
      return serialNumber
    },
  }
}

async function responseTo(sent: ReturnType<typeof request>) {
  sent.end()
  const [response] = await once(sent, 'response')
  const body = Buffer.concat(await response.toArray()).toString()
  return { status: response.statusCode, headers: response.headers, body }
}

/** What becomes of a connection with these options: its protocol, or the code of its error. */
async function handshake(port: number, options: ConnectionOptions): Promise<string | null> {
  const socket = connectSecurely({ port, servername: 'localhost', ...options })
  try {
    await once(socket, 'secureConnect')
    // In TLS 1.3 the server refuses a certificate after the handshake of the client.
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const protocol = socket.getProtocol()
    const chunks = await socket.toArray()
    return chunks.length > 0 ? protocol : 'closed'
  } catch (error) {
    return String(Object(error).code)
  } finally {
    socket.destroy()
  }
}

test('An app with a certificate speaks HTTPS, from TLS 1.2 on, and says so to browsers', async (t) => {
  const { port, get, files } = await startApp(t, { tls: { hsts: 'max-age=60' } })
  const { status, headers, body } = await get('/health/live')
  assert.deepEqual([status, body], [200, '{"status":"live"}'])
  assert.equal(headers['strict-transport-security'], 'max-age=60')
  assert.equal(await handshake(port, { ca: files.ca, maxVersion: 'TLSv1.2' }), 'TLSv1.2')
  assert.equal(await handshake(port, { ca: files.ca }), 'TLSv1.3')
  assert.match(
    String(await handshake(port, { ca: files.ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })),
    /^ERR_SSL_/,
  )
})

test('Each response over TLS has Strict-Transport-Security, refusals of bytes that are no request too', async (t) => {
  const { port, get, files } = await startApp(t, { tls: { hsts: 'max-age=60' } })
  assert.equal((await get('/nowhere')).headers['strict-transport-security'], 'max-age=60')
  const socket = connectSecurely({ port, ca: files.ca, servername: 'localhost' })
  socket.write('nonsense\r\n\r\n')
  const text = Buffer.concat(await socket.toArray()).toString()
  assert.match(text, /^HTTP\/1.1 400 Bad Request\r\n(?:.*\r\n)*strict-transport-security: max-age=60\r\n/)
})

test('A request without TLS gets no response on the port with it', async (t) => {
  const { port } = await startApp(t)
  const sent = requestInClear({ port, path: '/health/live', agent: false })
  await assert.rejects(responseTo(sent), { code: 'ECONNRESET' })
})

test('A changed certificate is for the connections that begin after it, and its end is a metric', async (t) => {
  const metrics = createMetrics()
  const world = await startApp(t, { metrics })
  const kept = connectSecurely({ port: world.port, ca: world.files.ca, servername: 'localhost' })
  t.after(() => kept.destroy())
  await once(kept, 'secureConnect')
  const before = await world.serialNumber()
  world.files.issue()
  await until(async () => (await world.serialNumber()) !== before)
  kept.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200 /)
  const [, end] =
    /^quintet_tls_certificate_end_timestamp_seconds\S* (\S+)$/m.exec((await world.get('/metrics')).body) ?? []
  assert.ok(Math.abs(Number(end) - validDays(0, 1).notAfter / 1_000) < 60, `${end}`)
})

test('Files that cannot be used change nothing, and the log says why, until they can be used', async (t) => {
  const { logger, lines } = createLines<{ msg: string; reason?: string }>()
  const { files, serialNumber } = await startApp(t, { logger })
  const before = await serialNumber()
  files.write(files.key, 'not a key')
  await until(() => lines.length > 0)
  assert.match(String(lines[0]?.reason), /TLS_KEY_FILE, .*, has no private key in PEM/)
  assert.equal(await serialNumber(), before)
  files.issue()
  await until(() => lines.some(({ msg }) => msg === 'a certificate has changed'))
  assert.notEqual(await serialNumber(), before)
})

test('With authorities of clients, nobody without a certificate of theirs is served', async (t) => {
  const own = authority('of clients')
  const client = tlsFiles(t, own)
  const { port, files, get } = await startApp(t, { clientAuthorities: client.authority })
  const { certificate, key } = client.issued()
  assert.equal((await get('/health/live', { cert: certificate, key })).status, 200)
  assert.match(String(await handshake(port, { ca: files.ca })), /^(?:ERR_SSL_|ECONNRESET)/)
  const foreign = tlsFiles(t).issued()
  const refused = await handshake(port, { ca: files.ca, cert: foreign.certificate, key: foreign.key })
  assert.match(String(refused), /^(?:ERR_SSL_|ECONNRESET|closed)/)
})

test('A handshake that does not go on is ended, and so is a request that does not', async (t) => {
  const { port, files } = await startApp(t, {
    timeouts: { requestMs: 200, checkIntervalMs: 50, lingerMs: 100 },
  })
  const startedAt = performance.now()
  const silent = connect(port, '127.0.0.1')
  await closeOf(silent)
  const slow = connectSecurely({ port, ca: files.ca, servername: 'localhost' })
  slow.write('GET /')
  assert.match(String((await once(slow, 'data'))[0]), /^HTTP\/1.1 408 /)
  await closeOf(slow)
  assert.ok(performance.now() - startedAt < 5_000)
})

test('Connections in their handshake count as connections, and are closed first', async (t) => {
  const { port, files, get } = await startApp(t, { connections: { max: 4, clientSharePercent: 100 } })
  const busy = connectSecurely({ port, ca: files.ca, servername: 'localhost' })
  t.after(() => busy.destroy())
  busy.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(busy, 'data')
  const silent = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const socket of silent) socket.destroy()
  })
  const closed = silent.map(closeOf)
  await Promise.all(closed.slice(0, 16))
  assert.equal((await get('/health/live')).status, 200)
  busy.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(String((await once(busy, 'data'))[0]), /^HTTP\/1.1 200 /)
})

test('Closing ends connections with TLS between requests, and finishes the requests on others', async (t) => {
  const { app, port, files } = await startApp(t)
  const open = () => connectSecurely({ port, ca: files.ca, servername: 'localhost' })
  const [idle, begun] = [open(), open()]
  await Promise.all([once(idle, 'secureConnect'), once(begun, 'secureConnect')])
  begun.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n')
  await until(() => begun.bytesWritten > 0)
  const text = begun.toArray()
  const closing = app.close()
  await closeOf(idle)
  begun.write('\r\n')
  assert.match(Buffer.concat(await text).toString(), /^HTTP\/1.1 200 (?:.*\r\n)+connection: close\r\n/i)
  await closing
})

test('Beside TLS, requests without it are redirected to the same target, to hosts of the certificate only', async (t) => {
  const redirectPort = await freePort()
  const { port } = await startApp(t, { tls: { redirectPort, hsts: 'max-age=60' } })
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    responseTo(requestInClear({ port: redirectPort, path, headers, method, agent: false }))
  const redirected = await ask('/movies?title=a%20b&x=//y', { host: `localhost:${redirectPort}` }, 'POST')
  assert.equal(redirected.status, 308)
  assert.equal(redirected.headers.location, `https://localhost:${port}/movies?title=a%20b&x=//y`)
  assert.equal(redirected.headers['strict-transport-security'], undefined)
  assert.equal(redirected.headers.connection, 'close')
  const mapped = await ask('/', { host: 'LOCALHOST' })
  assert.equal(mapped.headers.location, 'https://LOCALHOST/')
  const absolute = await ask(`http://127.0.0.1:${redirectPort}/a?b`, { host: 'evil.example' })
  assert.equal(absolute.headers.location, `https://127.0.0.1:${port}/a?b`)
  for (const host of ['evil.example', 'localhost@evil.example', 'localhost/evil', '192.0.2.1', '[::2]'])
    assert.ok([400, 421].includes((await ask('/', { host })).status ?? 0), host)
  assert.equal((await ask('/../x', { host: 'localhost' })).status, 400)
})

test('The lists of addresses hold on the port of redirects too, before any response, and their refusals have lines', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-redirect-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const bad = 'GET /../x HTTP/1.1\r\nHost: evil\r\n\r\n'
  const good = 'GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  for (const [action, list, requests, expected] of [
    ['answer', '127.0.0.1', [good, bad], /^HTTP\/1\.1 403 .*"type":"urn:quintet:problem:forbidden"/s],
    ['close', '127.0.0.1', [good, bad, 'no request\r\n\r\n'], /^$/],
    ['close', '192.0.2.1', [good], /^HTTP\/1\.1 308 /],
  ] as const) {
    const redirectPort = await freePort()
    const { logger, lines } = createLines<{ status?: number }>()
    const audit = join(folder, `${action}.log`)
    const { app } = await startApp(t, {
      tls: { redirectPort },
      logger,
      guard: { AUDIT_LOG: audit },
      guardParts: {
        addresses: { allow: { setting: 'A', list: '' }, deny: { setting: 'D', list }, action },
      },
    })
    for (const request of requests) {
      const text = await sendBytes(redirectPort, request).catch(() => '')
      assert.match(text, expected, `${action} ${request}`)
    }
    const statuses = () => lines.flatMap(({ status }) => status ?? [])
    await until(() => statuses().length === requests.length)
    const isDenied = list === '127.0.0.1'
    assert.deepEqual(new Set(statuses()), new Set([isDenied ? 403 : 308]))
    await app.close()
    const refusals = readFileSync(join(folder, `${action}.sample.log`), 'utf8').match(
      /"kind":"refusal".*"policy":"forbidden"/g,
    )
    if (isDenied) assert.equal(refusals?.length, 2)
  }
})

test('The port of redirects has the limits of others: on heads that do not arrive, and on their size', async (t) => {
  const redirectPort = await freePort()
  await startApp(t, {
    tls: { redirectPort },
    timeouts: { requestMs: 200, checkIntervalMs: 50, lingerMs: 100 },
  })
  const statusOf = async (bytes: string) => {
    const socket = connect(redirectPort, '127.0.0.1')
    socket.write(bytes)
    return Buffer.concat(await socket.toArray())
      .toString()
      .slice(0, 12)
  }
  assert.equal(await statusOf('GET / HT'), 'HTTP/1.1 408')
  assert.equal(
    await statusOf(`GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`),
    'HTTP/1.1 431',
  )
  assert.equal(await statusOf('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'), 'HTTP/1.1 405')
})

const faults: ReadonlyArray<
  [title: string, change: (files: ReturnType<typeof tlsFiles>) => Record<string, string>, fault: RegExp]
> = [
  [
    'is missing',
    (files) => {
      rmSync(files.certificate)
      return {}
    },
    /^TLS_CERT_FILE, .*, does not exist: it must be a file of certificates in PEM\.$/,
  ],
  ['is a folder', () => ({ TLS_CERT_FILE: '/' }), /^TLS_CERT_FILE, \/, is a folder\.$/],
  ['never ends', () => ({ TLS_KEY_FILE: '/dev/zero' }), /^TLS_KEY_FILE, \/dev\/zero, is not a file\.$/],
  [
    'is no certificate',
    (files) => ({ TLS_CERT_FILE: files.key }),
    /^TLS_CERT_FILE, .*, has no certificate in PEM\.$/,
  ],
  [
    'is no key',
    (files) => ({ TLS_KEY_FILE: files.certificate }),
    /^TLS_KEY_FILE, .*, has no private key in PEM/,
  ],
  [
    'is of another key',
    (files) => {
      files.write(files.key, files.issued().key)
      return {}
    },
    /^TLS_KEY_FILE is not the key of the certificate in TLS_CERT_FILE\.$/,
  ],
  ['is half', () => ({ TLS_KEY_FILE: '' }), /^TLS_CERT_FILE is set, but TLS_KEY_FILE is empty: set both\.$/],
  [
    'is not there for the authorities',
    (files) => ({ TLS_CERT_FILE: '', TLS_KEY_FILE: '', TLS_CLIENT_CA_FILE: files.authority }),
    /^TLS_CLIENT_CA_FILE is set, but TLS_CERT_FILE is empty/,
  ],
  [
    'has authorities without a certificate',
    (files) => ({ TLS_CLIENT_CA_FILE: files.key }),
    /^TLS_CLIENT_CA_FILE, .*, has no certificate in PEM\.$/,
  ],
]

for (const [title, change, expected] of faults)
  test(`A start is refused where a file of TLS ${title}`, (t) => {
    const files = tlsFiles(t)
    const values = { TLS_CERT_FILE: files.certificate, TLS_KEY_FILE: files.key, TLS_CLIENT_CA_FILE: '' }
    assert.deepEqual(listenerFaults(values, ''), [])
    const [fault = '', ...more] = listenerFaults({ ...values, ...change(files) }, '')
    assert.match(fault, expected)
    assert.deepEqual(more, [])
  })

test('A start is refused with a certificate that has ended or has not begun, and with all that is wrong', (t) => {
  const [ended, later] = [tlsFiles(t, undefined, validDays(-2, -1)), tlsFiles(t, undefined, validDays(1, 2))]
  assert.deepEqual(
    listenerFaults(
      {
        TLS_CERT_FILE: ended.certificate,
        TLS_KEY_FILE: later.authority,
        TLS_CLIENT_CA_FILE: later.certificate,
      },
      '',
    ).map((fault) => fault.replace(/, \/.*?,/, '').replace(/ on .*/, '')),
    [
      'TLS_CERT_FILE has a certificate that ended',
      'TLS_KEY_FILE has no private key in PEM that needs no passphrase.',
      'TLS_CLIENT_CA_FILE has a certificate that begins',
    ],
  )
})

test('A client with TLS may close its side after its request, and gets its response', async (t) => {
  const { port, files } = await startApp(t)
  const options = { port, ca: files.ca, servername: 'localhost', allowHalfOpen: true }
  const socket = connectSecurely(options)
  socket.end('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(Buffer.concat(await socket.toArray()).toString(), /^HTTP\/1.1 200 /)
})

test('A client that goes amid the handshake leaves nothing behind', async (t) => {
  const { app, port } = await startApp(t)
  const gone = connect(port, '127.0.0.1')
  gone.end()
  await closeOf(gone)
  await until(async () => (await promisify(app.server.getConnections.bind(app.server))()) === 0, 2_000)
})
