import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { closeOf } from '@quintet/chassis/testing/sockets'
import { startGateway } from './start-gateway.ts'

/** Requests to change the protocol: the body of what follows one in its packet is never taken for a request. */

const upgrade = (protocol: string, options = 'Upgrade') =>
  `Connection: ${options}\r\nUpgrade: ${protocol}\r\n`
const h2c = `${upgrade('h2c', 'Upgrade, HTTP2-Settings')}HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n`
const get = (fields: string, path = '/guid/1', version = '1.1') =>
  `GET ${path} HTTP/${version}\r\nHost: a\r\n${fields}\r\n`
const post = (fields: string, body: string) =>
  `POST /guid HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${fields}\r\n${body}`
const plain = (body: string) => post(`Content-Length: ${body.length}\r\n`, body)

const upgrades: Record<string, string> = {
  'a GET of the fast path': get(h2c),
  'a GET of the framework': get(h2c, '/guids'),
  'a GET without a route': get(h2c, '/guids/none'),
  'a HEAD': get(h2c).replace('GET', 'HEAD'),
  'a POST with a length': post(`${h2c}Content-Length: 2\r\n`, '{}'),
  'a POST in chunks': post(`${h2c}Transfer-Encoding: chunked\r\n`, '2\r\n{}\r\n0\r\n\r\n'),
  'a POST without a body': post(h2c, ''),
  'a WebSocket': get(`${upgrade('websocket')}Sec-WebSocket-Version: 13\r\n`),
  'an upgrade to TLS': get(upgrade('TLS/1.2')),
  'an unknown protocol': get(upgrade('x')),
  'options in lower case': get(upgrade('h2c', 'keep-alive,upgrade')),
  'options in two fields': get(`Connection: keep-alive\r\n${upgrade('h2c')}`),
  'HTTP/1.0': get(upgrade('h2c', 'keep-alive, Upgrade'), '/guid/1', '1.0'),
  'a second request': get('') + get(h2c),
  'a request behind a POST': plain('{}') + get(h2c),
  'a request refused by its fields': get(`${h2c}Expect: x\r\n`),
}

async function startPorts(t: TestContext) {
  const bodies: unknown[] = []
  const logger = createLogger({ service: 'sample', level: 'silent' })
  const app = await createApp({ name: 'guid', title: '', description: '', logger })
  t.after(() => app.close())
  app.post('/guid', async ({ body }) => {
    bodies.push(body)
    return {}
  })
  app.get('/guids', async () => ({}))
  app.get('/guid/:id', async () => ({}))
  app.fastPaths.push({ route: '/guid/:id', prefix: '/guid/', find: () => ({ etag: '"1"', body: '{}' }) })
  const GUID_URL = await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = await startGateway(t, { GUID_URL })
  return { bodies, ports: [Number(new URL(GUID_URL).port), port] }
}

for (const [name, first] of Object.entries(upgrades))
  test(`A request to change the protocol is responded to as any other, and is the last on its connection: ${name}`, async (t) => {
    const { bodies, ports } = await startPorts(t)
    const smuggled = plain('{"smuggled":true}')
    const second = post(`Content-Length: ${smuggled.length}\r\n`, '')
    for (const port of ports) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      let text = ''
      socket.on('data', (chunk) => {
        if (text === '') setTimeout(() => socket.end(smuggled), 20)
        text += chunk
      })
      socket.write(first + second)
      await closeOf(socket)
      const count = first.match(/ HTTP\/1/g)?.length
      assert.equal(text.match(/HTTP\/1\.1 \d{3}/g)?.length, count, text)
      assert.equal(text.match(/^connection: close\r$/gim)?.length, 1, text)
      assert.doesNotMatch(JSON.stringify(bodies), /smuggled/)
    }
  })

test('An Upgrade field without its option in Connection is ignored', async (t) => {
  const { bodies, ports } = await startPorts(t)
  for (const [at, port] of ports.entries()) {
    const socket = connect(port, '127.0.0.1')
    socket.write(get('Upgrade: h2c\r\n') + plain('{}') + get('Connection: close\r\n'))
    assert.equal((await socket.toArray()).join('').match(/HTTP\/1\.1 200/g)?.length, 3)
    assert.equal(bodies.length, at + 1)
  }
})
