import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { connect } from 'node:http2'
import { request } from 'node:https'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { freePort } from '@quintet/chassis/testing/sockets'
import { authority, tlsFiles } from '@quintet/chassis/testing/tls'
import type { GatewayConfig } from '../../src/config.ts'
import { curl } from './curl.ts'
import { startGateway } from '../start-gateway.ts'
import { startUpstream } from '../start-upstream.ts'

/** A gateway with TLS in front of a service, and curl that trusts it. */
async function start(
  t: TestContext,
  handler: RequestListener = (_request, response) => response.end('hello'),
  settings: Partial<GatewayConfig> = {},
  files = tlsFiles(t),
) {
  const received: IncomingMessage[] = []
  const upstream = await startUpstream(t, (request, response) => {
    received.push(request)
    handler(request, response)
  })
  const { port } = await startGateway(t, {
    GUID_URL: upstream,
    GATEWAY_TLS_CERT_FILE: files.certificate,
    GATEWAY_TLS_KEY_FILE: files.key,
    ...settings,
  })
  const url = `https://localhost:${port}`
  return {
    files,
    port,
    url,
    received,
    file(name: string, content: Buffer) {
      const path = join(dirname(files.key), name)
      writeFileSync(path, content)
      return path
    },
    curl: (...words: string[]) => curl('--cacert', files.authority, ...words),
  }
}

const echo: RequestListener = (request, response) => {
  response.setHeader(
    'x-received',
    request.headers['content-length'] ?? request.headers['transfer-encoding'] ?? 'none',
  )
  request.pipe(response)
}

const json = ['-H', 'content-type: application/json'] as const

for (const [version, shown] of [
  ['--http1.1', '1.1'],
  ['--http2', '2'],
] as const) {
  test(`curl ${version} gets a response, with the security of its host stated, and the service gets the protocol`, async (t) => {
    const { url, received, curl, port } = await start(t)
    const response = await curl(version, `${url}/guid/x?y=z`)
    assert.deepEqual([response.version, response.status, String(response.body)], [shown, 200, 'hello'])
    assert.equal(response.headers['strict-transport-security'], 'max-age=31536000')
    const { url: target, headers } = received[0] ?? {}
    assert.equal(target, '/guid/x?y=z')
    assert.equal(headers?.['x-forwarded-proto'], 'https')
    assert.equal(headers?.['x-forwarded-host'], `localhost:${port}`)
    assert.equal(headers?.via, `${shown === '2' ? '2.0' : '1.1'} quintet`)
  })

  test(`curl ${version} sends bodies with and without a length, small and of a megabyte, and gets them back`, async (t) => {
    const { url, curl, file } = await start(t, echo)
    for (const bytes of [1, 1_000, 1_048_576]) {
      const body = randomBytes(bytes)
      const path = file(`body-${bytes}`, body)
      const stated = await curl(version, '--data-binary', `@${path}`, `${url}/guid`)
      assert.ok(stated.body.equals(body), `${bytes} bytes with a length`)
      const unstated = await curl(
        version,
        '-X',
        'POST',
        '-H',
        'transfer-encoding: chunked',
        '--data-binary',
        `@${path}`,
        `${url}/guid`,
      )
      assert.ok(unstated.body.equals(body), `${bytes} bytes without a length`)
    }
  })

  test(`curl ${version} sends a body from a pipe, of unknown length`, async (t) => {
    const { url, files, file } = await start(t, echo)
    const body = randomBytes(300_000)
    const path = file('body', body)
    const script = `cat '${path}' | curl -sS -m 20 ${version} --cacert '${files.authority}' -X POST -T - '${url}/guid' | cmp - '${path}'`
    await promisify(execFile)('bash', ['-o', 'pipefail', '-c', script])
  })

  test(`curl ${version} gets no body by HEAD, and 304 for what it has`, async (t) => {
    const { url, curl } = await start(t, (request, response) => {
      if (request.headers['if-none-match'] === '"a"') response.writeHead(304, { etag: '"a"' }).end()
      else
        response
          .writeHead(200, { etag: '"a"', 'content-length': 5 })
          .end(request.method === 'HEAD' ? undefined : 'hello')
    })
    const head = await curl(version, '-I', `${url}/guid`)
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '5', 0])
    const unchanged = await curl(version, '-H', 'if-none-match: "a"', `${url}/guid`)
    assert.deepEqual([unchanged.status, unchanged.headers.etag, unchanged.body.length], [304, '"a"', 0])
  })

  test(`curl ${version} gets problem documents for what is refused: 404, 405, 413 and 431`, async (t) => {
    const { url, curl, file } = await start(t)
    const large = file('large', Buffer.alloc(9_000, ' '))
    const refusals = [
      [404, `${url}/nowhere`],
      [405, '-X', 'PUT', `${url}/health`],
      [413, ...json, '--data-binary', `@${large}`, `${url}/api/billing`],
      [431, '-H', `x-large: ${'x'.repeat(17_000)}`, `${url}/guid`],
      [431, ...Array.from({ length: 140 }, (_, i) => ['-H', `x-${i}: y`]).flat(), `${url}/guid`],
    ] as const
    for (const [status, ...words] of refusals) {
      const response = await curl(version, ...words)
      assert.equal(response.status, status)
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
      assert.equal(JSON.parse(String(response.body)).status, status)
    }
  })

  test(`curl ${version} waits for 100 Continue, and gets it once the body is wanted`, async (t) => {
    const { url, curl } = await start(t, echo)
    const response = await curl(version, '-H', 'expect: 100-continue', '-d', 'hello', `${url}/guid`)
    assert.deepEqual([response.status, String(response.body)], [200, 'hello'])
  })

  test(`curl ${version} shows a client certificate where one is demanded, and is refused without`, async (t) => {
    const clients = tlsFiles(t, authority('of clients'))
    const { url, curl } = await start(t, undefined, { GATEWAY_TLS_CLIENT_CA_FILE: clients.authority })
    const certificate = ['--cert', clients.certificate, '--key', clients.key]
    assert.equal((await curl(version, ...certificate, `${url}/guid`)).status, 200)
    await assert.rejects(curl(version, `${url}/guid`))
    await assert.rejects(curl(version, `${url}/health/live`))
  })
}

test('The protocol is negotiated: HTTP/2 unless a setting turns it off', async (t) => {
  const on = await start(t)
  assert.equal((await on.curl(`${on.url}/guid`)).version, '2')
  const off = await start(t, undefined, { GATEWAY_HTTP2: 'off' })
  assert.equal((await off.curl('--http2', `${off.url}/guid`)).version, '1.1')
})

test('Fields of a connection and trailers do not pass between HTTP/2 and the service', async (t) => {
  const { url, curl, received } = await start(t, (_request, response) => {
    response.writeHead(200, {
      connection: 'x-private',
      'x-private': 'a',
      trailer: 'x-late',
      'set-cookie': ['a=1', 'b=2'],
    })
    response.addTrailers({ 'x-late': 'b' })
    response.end('hello')
  })
  const response = await curl(
    '--http2',
    '-H',
    'te: trailers',
    '-H',
    'cookie: c=1',
    '-H',
    'cookie: d=2',
    `${url}/guid`,
  )
  assert.equal(String(response.body), 'hello')
  for (const name of ['connection', 'x-private', 'trailer', 'x-late', 'keep-alive', 'transfer-encoding'])
    assert.equal(response.headers[name], undefined, name)
  assert.equal(response.headers['set-cookie'], 'b=2')
  assert.equal(received[0]?.headers.te, undefined)
  assert.equal(received[0]?.headers.cookie, 'c=1; d=2')
})

test('curl follows the redirect from the port without TLS, which states no security of its host', async (t) => {
  const redirectPort = await freePort()
  const { curl, port } = await start(t, undefined, { GATEWAY_HTTP_PORT: redirectPort })
  const plain = await curl(`http://localhost:${redirectPort}/guid?a=b`)
  assert.deepEqual([plain.status, plain.headers.location], [308, `https://localhost:${port}/guid?a=b`])
  assert.equal(plain.headers['strict-transport-security'], undefined)
  const followed = await curl(
    '-o',
    '/dev/null',
    '-L',
    '-w',
    'HTTP/%{http_version} %{http_code}\r\n\r\n',
    `http://localhost:${redirectPort}/guid`,
  )
  assert.deepEqual([followed.version, followed.status], ['2', 200])
})

test('No request fails while the certificate changes again and again, on new connections and on kept ones', async (t) => {
  const { files, port } = await start(t)
  const kept = connect(`https://localhost:${port}`, { ca: files.ca })
  t.after(() => kept.destroy())
  const serials = new Set<string>()
  let isOver = false

  async function requestAnew(): Promise<void> {
    while (!isOver) {
      const sent = request({ port, path: '/guid', ca: files.ca, agent: false, servername: 'localhost' }).end()
      const [response] = await once(sent, 'response')
      if (response.socket instanceof TLSSocket) serials.add(response.socket.getPeerCertificate().serialNumber)
      assert.equal(response.statusCode, 200)
      await response.toArray()
    }
  }

  async function requestOnKept(): Promise<void> {
    while (!isOver) {
      const stream = kept.request({ ':path': '/guid' })
      const [headers] = await once(stream, 'response')
      assert.equal(headers[':status'], 200)
      await stream.toArray()
    }
  }

  const clients = [requestAnew(), requestAnew(), requestOnKept()]
  for (let changes = 0; changes < 8; changes += 1) {
    files.issue()
    await setTimeout(700)
  }
  isOver = true
  await Promise.all(clients)
  assert.ok(serials.size > 3, `${serials.size} certificates`)
})
