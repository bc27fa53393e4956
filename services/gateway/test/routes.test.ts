import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { urlSetting } from '@quintet/contracts/topology'
import { topology } from '../src/topology.ts'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { absentUpstream, startUpstream } from './start-upstream.ts'

const onlyGuid = topology.filter(({ name }) => name === 'guid')

test('/api/billing takes POST and nothing else', async (t) => {
  const { url } = await startGateway(t, {}, { topology: onlyGuid })
  const read = await ask(`${url}/api/billing`)
  assert.deepEqual([read.status, read.headers.allow], [405, 'POST'])
})

test('A path that is not forwarded is 404, even if it begins like one that is', async (t) => {
  const { url } = await startGateway(t, {})
  for (const path of ['/guidx', '/api', '/api/moviesx', '/operation'])
    assert.deepEqual(
      [(await ask(url + path)).status, typeof (await ask(url + path)).json().message],
      [404, 'string'],
      path,
    )
})

test('The root of the gateway leads to the health of the whole system', async (t) => {
  const { url } = await startGateway(t, {}, { topology: onlyGuid })
  assert.equal((await ask(`${url}/`)).json().health, '/health')
})

test('GET /health shows the state of each service, and ok', async (t) => {
  const paths: (string | undefined)[] = []
  const GUID_URL = await startUpstream(t, (request, response) => {
    paths.push(request.url)
    response.end('{}')
  })
  const { url } = await startGateway(t, { GUID_URL }, { topology: onlyGuid })
  const answer = await ask(`${url}/health`)
  const health = answer.json()
  assert.deepEqual([answer.status, health.status, paths], [200, 'ok', ['/health/ready']])
  assert.deepEqual(health.queue, { status: 'up' })
  const { guid, ...others } = Object(health.services)
  assert.deepEqual([guid.status, guid.circuit, guid.latency_ms > 0], ['up', 'closed', true])
  assert.deepEqual(others, {})
})

test('While the queue is away, /health is degraded and readiness is 503, and both name it', async (t) => {
  const GUID_URL = await startUpstream(t, (_request, response) => response.end('{}'))
  const settings = { GUID_URL, QUEUE_URL: 'amqp://127.0.0.1:1' }
  const { url } = await startGateway(t, settings, { topology: onlyGuid })
  const health = await ask(`${url}/health`)
  assert.deepEqual(
    [health.status, health.json().status, health.json().queue],
    [200, 'degraded', { status: 'down' }],
  )
  const ready = await ask(`${url}/health/ready`)
  assert.deepEqual(
    [ready.status, ready.json().detail, Object.keys(Object(ready.json().errors))],
    [503, 'Not responding: queue.', ['queue']],
  )
  assert.equal((await ask(`${url}/guid`)).status, 200)
})

test('GET /health is 200 and degraded while a service is absent, not ready or silent; readiness of the gateway is its own', async (t) => {
  const GUID_URL = await absentUpstream(t)
  const INVENTORY_URL = await startUpstream(t, (_request, response) => response.writeHead(503).end())
  const BILLING_URL = await startUpstream(t, () => {})
  const MARKET = await startUpstream(t, (_request, response) => response.end())
  const urls = { GUID_URL, INVENTORY_URL, BILLING_URL, BROKERAGE_URL: MARKET, CERTIFICATES_URL: MARKET }
  const { url } = await startGateway(t, urls, {
    topology: topology.filter(({ name }) => urlSetting(name) in urls),
  })
  const answer = await ask(`${url}/health`)
  const states = Object.entries(Object(answer.json().services)).map(
    ([name, service]) => `${name} ${Object(service).status}`,
  )
  assert.deepEqual([answer.status, answer.json().status], [200, 'degraded'])
  assert.deepEqual(states, ['guid down', 'brokerage up', 'certificates up', 'inventory down', 'billing down'])
  assert.equal((await ask(`${url}/health/ready`)).status, 200)
})

test('GET /health shows an open circuit', async (t) => {
  const { url } = await startGateway(
    t,
    { GUID_URL: await absentUpstream(t), GATEWAY_CIRCUIT_FAULTS_MAX: 1 },
    { topology },
  )
  await ask(`${url}/guid`)
  assert.equal(Object((await ask(`${url}/health`)).json().services).guid.circuit, 'open')
})

test('GET /openapi.json describes the gateway and its services, fetched once in a while, and /docs shows it', async (t) => {
  const clock = createManualClock(1_000_000)
  let fetches = 0
  const GUID_URL = await startUpstream(t, (_request, response) => {
    fetches += 1
    response.end(
      JSON.stringify({
        paths: { '/guid/{guid}': { get: { responses: {} } }, '/health/live': { get: { responses: {} } } },
      }),
    )
  })
  const { url } = await startGateway(t, { GUID_URL }, { clock, topology })
  const documents = await Promise.all([1, 2, 3].map(async () => (await ask(`${url}/openapi.json`)).json()))
  for (const { paths, openapi } of documents) {
    assert.equal(openapi, '3.1.0')
    const described = Object(paths)
    assert.deepEqual(Object.keys(described).toSorted(), [
      '/',
      '/api/billing',
      '/guid/{guid}',
      '/health',
      '/health/live',
      '/health/promises',
      '/health/ready',
      '/metrics',
    ])
    assert.deepEqual(described['/guid/{guid}'].get.tags, ['guid'])
    for (const path of ['/health', '/guid/{guid}']) assert.ok('429' in described[path].get.responses)
    assert.ok('429' in described['/api/billing'].post.responses)
  }
  assert.equal(fetches, 1)
  clock.advance(5_000)
  await ask(`${url}/openapi.json`)
  assert.equal(fetches, 2)
  assert.match((await ask(`${url}/docs`)).body.toString(), /swagger-ui/)
})

test('A document that has not changed is neither fetched nor made again', async (t) => {
  const clock = createManualClock(1_000_000)
  const statuses: number[] = []
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.statusCode = request.headers['if-none-match'] === '"1"' ? 304 : 200
    statuses.push(response.statusCode)
    response.setHeader('etag', '"1"')
    response.end(response.statusCode === 200 ? '{"paths":{"/guid":{"get":{"responses":{}}}}}' : undefined)
  })
  const { url } = await startGateway(t, { GUID_URL }, { clock, topology: onlyGuid })
  const first = await ask(`${url}/openapi.json`)
  clock.advance(5_000)
  const second = await ask(`${url}/openapi.json`)
  assert.deepEqual(statuses, [200, 304])
  assert.deepEqual(second.body, first.body)
  assert.ok(Object(second.json().paths)['/guid'])
  const headers = { 'if-none-match': String(first.headers.etag) }
  assert.equal((await ask(`${url}/openapi.json`, { headers })).status, 304)
})

test('GET /openapi.json names the services that are down', async (t) => {
  const { url } = await startGateway(t, { GUID_URL: await absentUpstream(t) }, { topology: onlyGuid })
  const answer = await ask(`${url}/openapi.json`)
  assert.equal(answer.status, 200)
  assert.match(Object(answer.json().info).description, /Not available at the moment: guid\.$/)
})

test('Closing waits for a request in flight', async (t) => {
  const arrived = Promise.withResolvers<() => void>()
  const GUID_URL = await startUpstream(t, (_request, response) => {
    response.write('hel')
    arrived.resolve(() => response.end('lo'))
  })
  const { app, url } = await startGateway(t, { GUID_URL })
  // A keep-alive connection must not keep the gateway from closing.
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const asking = ask(`${url}/guid`, { agent })
  const finish = await arrived.promise
  const closing = app.close()
  await until(() => !app.server.listening)
  finish()
  assert.equal((await asking).body.toString(), 'hello')
  await closing
})

test('Responses that begin while the gateway closes say that the connection will be closed', async (t) => {
  const waiting: ServerResponse[] = []
  const GUID_URL = await startUpstream(t, (_request, response) => void waiting.push(response))
  const { app, url } = await startGateway(t, { GUID_URL })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const asking = [ask(`${url}/guid`, { agent }), ask(`${url}/health`, { agent })]
  await until(() => waiting.length === 2)
  const closing = app.close()
  await until(() => !app.server.listening)
  for (const response of waiting) response.end('late')
  for (const { status, headers } of await Promise.all(asking))
    assert.deepEqual([status, headers.connection], [200, 'close'])
  await closing
})

test('A body that is larger than its service accepts is 413 at the gateway, which names the limit', async (t) => {
  const absent = await absentUpstream(t)
  const urls = { GUID_URL: absent, BROKERAGE_URL: absent, CERTIFICATES_URL: absent, INVENTORY_URL: absent }
  const { url } = await startGateway(t, urls, { topology })
  for (const [path, bytesMax] of [
    ['/guid', 16_384],
    ['/accounts/1/orders', 524_288],
    ['/users', 163_840],
    ['/api/movies', 65_536],
  ] as const) {
    const tooLarge = await ask(`${url}${path}`, { method: 'POST', body: Buffer.alloc(bytesMax + 1) })
    assert.equal(tooLarge.status, 413, path)
    assert.equal(tooLarge.json().detail, `The body is larger than ${bytesMax / 1_024} KiB.`)
    // No service runs, so what is forwarded is 502.
    const largest = await ask(`${url}${path}`, { method: 'POST', body: Buffer.alloc(bytesMax) })
    assert.equal(largest.status, 502, path)
  }
})
