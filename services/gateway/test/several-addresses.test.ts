import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { until } from '@quintet/chassis/testing'
import type { GatewayConfig } from '../src/config.ts'
import { topology } from '../src/topology.ts'
import { ask } from './ask.ts'
import { createManualRepeat } from './manual-repeat.ts'
import { startGateway } from './start-gateway.ts'

const readyIntervalMs = 1_000
const resolveIntervalMs = 10_000

/** A server that is one address of a service. */
async function startReplica(t: TestContext, host: string, port = 0) {
  const state = { readyStatus: 200, hangs: false, requests: [] as string[], hosts: new Set<string>() }
  const waiting = new Set<ServerResponse>()
  const server = createServer((request: IncomingMessage, response) => {
    state.hosts.add(String(request.headers.host))
    if (state.hangs) {
      waiting.add(response)
      return
    }
    if (request.url === '/health/ready') {
      response.writeHead(state.readyStatus).end()
      return
    }
    if (request.url !== '/health/live') state.requests.push(`${request.method} ${request.url}`)
    if (request.url === '/guid/held') waiting.add(response)
    else response.end(host)
  })
  await once(server.listen(port, host), 'listening')
  const kill = () => {
    server.close()
    server.closeAllConnections()
  }
  t.after(kill)
  return {
    state,
    port: (server.address() as AddressInfo).port,
    kill,
    release() {
      for (const response of waiting) response.end(host)
      waiting.clear()
    },
  }
}

const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const

/** A gateway before replicas of guid on one port, at addresses that are settings, or those of a name. */
async function startWorld(
  t: TestContext,
  { count = 2, isNamed = false, settings = {} as Partial<GatewayConfig> } = {},
) {
  const first = await startReplica(t, hosts[0])
  const others = hosts.slice(1, count).map((host) => startReplica(t, host, first.port))
  const replicas = [first, ...(await Promise.all(others))]
  const { repeat, fire } = createManualRepeat()
  const clock = createManualClock(1_000_000)
  const dns = { hosts: hosts.slice(0, count) as string[], lookups: 0 }
  const resolve = async () => {
    dns.lookups += 1
    if (dns.hosts.length === 0) throw new Error('ENOTFOUND')
    return dns.hosts.map((address) => ({ address, family: 4 }))
  }
  const list = hosts.slice(0, count).map((host) => `http://${host}:${first.port}`)
  const gateway = await startGateway(
    t,
    { GUID_URL: isNamed ? `http://guid.example:${first.port}` : list.join(','), ...settings },
    { clock, repeat, resolve, topology: topology.filter(({ name }) => name === 'guid') },
  )
  /** Which addresses take requests, by the gateway's metrics. */
  const up = async () =>
    (await metricsOf(gateway.url, 'address_up')).flatMap(([address, value]) => (value === '1' ? address : []))
  /** Waits until these hosts take requests, and no others. */
  const untilUp = (...wanted: string[]) =>
    until(async () => {
      await fire(readyIntervalMs)
      return (await up()).join() === wanted.map((host) => `${host}:${first.port}`).join()
    })
  await untilUp(...hosts.slice(0, count))
  return { ...gateway, replicas, clock, fire, dns, untilUp, port: first.port }
}

/** The values of a metric by address. */
async function metricsOf(url: string, name: string): Promise<[address: string, value: string][]> {
  const text = (await ask(`${url}/metrics`)).body.toString()
  const line = new RegExp(`^quintet_gateway_${name}\\{.*address="([^"]+)".*\\} (\\S+)$`, 'gm')
  return [...text.matchAll(line)].map(([, address = '', value = '']) => [address, value])
}

async function askMany(url: string, count: number, options = {}): Promise<Record<string, number>> {
  const answers = await Promise.all(Array.from({ length: count }, () => ask(url, options)))
  const counts: Record<string, number> = {}
  for (const { status, body } of answers) {
    const key = status === 200 ? String(body) : String(status)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

test('Requests are spread over the addresses of a setting, each with the Host of its own', async (t) => {
  const { url, replicas, port } = await startWorld(t, { count: 3 })
  assert.deepEqual(await askMany(`${url}/guid`, 30), { '127.0.0.1': 10, '127.0.0.2': 10, '127.0.0.3': 10 })
  for (const [at, { state }] of replicas.entries())
    assert.deepEqual([...state.hosts], [`${hosts[at]}:${port}`])
})

test('Requests are spread over the addresses of a name, whose Host they have', async (t) => {
  const { url, replicas, port } = await startWorld(t, { count: 3, isNamed: true })
  assert.deepEqual(await askMany(`${url}/guid`, 30), { '127.0.0.1': 10, '127.0.0.2': 10, '127.0.0.3': 10 })
  for (const { state } of replicas.slice(1)) assert.deepEqual([...state.hosts], [`guid.example:${port}`])
})

test('An address with slow requests gets fewer of the others', async (t) => {
  const { url, replicas } = await startWorld(t)
  const held = Array.from({ length: 4 }, () => ask(`${url}/guid/held`))
  await until(() => replicas.every(({ state }) => state.requests.length === 2))
  replicas[0]?.release()
  await Promise.race(held)
  await until(async () => (await metricsOf(url, 'address_in_flight')).some(([, value]) => value === '0'))
  assert.deepEqual(await askMany(`${url}/guid`, 1), { '127.0.0.1': 1 })
  for (let count = 0; count < 5; count += 1)
    assert.equal(String((await ask(`${url}/guid`)).body), '127.0.0.1')
  replicas[1]?.release()
  await Promise.all(held)
})

test('When one address is killed under load, no idempotent request fails', async (t) => {
  const { url, replicas } = await startWorld(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  t.after(() => agent.destroy())
  const statuses: number[] = []
  let isOver = false
  const clients = Array.from({ length: 20 }, async (_, client) => {
    while (!isOver) {
      const method = client % 2 === 0 ? 'GET' : 'DELETE'
      statuses.push((await ask(`${url}/guid/1`, { method, agent })).status)
    }
  })
  await until(() => statuses.length > 400)
  replicas[1]?.kill()
  const atKill = statuses.length
  await until(() => statuses.length > atKill + 400)
  isOver = true
  await Promise.all(clients)
  assert.deepEqual([...new Set(statuses)], [200])
})

test('A small request of any method goes to another address where one refuses connections', async (t) => {
  const { url, replicas } = await startWorld(t, { settings: { GATEWAY_CIRCUIT_FAULTS_MAX: 100 } })
  replicas[1]?.kill()
  for (let count = 0; count < 6; count += 1) {
    const { status, body } = await ask(`${url}/guid`, { method: 'POST', body: '{}' })
    assert.deepEqual([status, String(body)], [200, '127.0.0.1'])
  }
})

test('An address that hangs is left out once its check of readiness fails, and gets requests again once it responds', async (t) => {
  const { url, replicas, untilUp } = await startWorld(t, { settings: { GATEWAY_TIMEOUT_MS: 300 } })
  const hanging = replicas[1]
  if (hanging === undefined) throw new Error('there is no second replica')
  hanging.state.hangs = true
  await untilUp('127.0.0.1')
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 10 })
  hanging.state.hangs = false
  hanging.release()
  await untilUp('127.0.0.1', '127.0.0.2')
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 5, '127.0.0.2': 5 })
})

test('An address that is not ready is left out while another is, and not while none is', async (t) => {
  const { url, replicas, untilUp } = await startWorld(t)
  const [first, second] = replicas
  if (first === undefined || second === undefined) throw new Error('there are no two replicas')
  second.state.readyStatus = 503
  await untilUp('127.0.0.1')
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 10 })
  first.state.readyStatus = 503
  await untilUp()
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 5, '127.0.0.2': 5 })
  second.state.readyStatus = 404
  await untilUp('127.0.0.2')
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.2': 10 })
})

test('The addresses of a name follow its records, every ten seconds and after a failure, and remain while it has none', async (t) => {
  const { url, fire, dns, untilUp, clock, port } = await startWorld(t, { isNamed: true })
  const third = await startReplica(t, hosts[2], port)
  dns.hosts = ['127.0.0.1', '127.0.0.3']
  await fire(resolveIntervalMs)
  await untilUp('127.0.0.1', '127.0.0.3')
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 5, '127.0.0.3': 5 })
  dns.hosts = []
  await fire(resolveIntervalMs)
  assert.deepEqual(await askMany(`${url}/guid`, 10), { '127.0.0.1': 5, '127.0.0.3': 5 })

  dns.hosts = ['127.0.0.1', '127.0.0.2']
  const { lookups } = dns
  third.kill()
  clock.advance(1_000)
  for (let count = 0; count < 4; count += 1) assert.equal((await ask(`${url}/guid`)).status, 200)
  assert.equal(dns.lookups, lookups + 1)
  await untilUp('127.0.0.1', '127.0.0.2')
})

test('Of a name with very many addresses, 64 are used', async (t) => {
  const { url, fire, dns } = await startWorld(t, { isNamed: true })
  dns.hosts = Array.from({ length: 200 }, (_, at) => `127.0.1.${at}`)
  await fire(resolveIntervalMs)
  await until(async () => (await metricsOf(url, 'address_up')).length > 2)
  assert.equal((await metricsOf(url, 'address_up')).length, 64)
})

test('GET /health and the metrics show each address', async (t) => {
  const { url, replicas, untilUp, port } = await startWorld(t)
  await askMany(`${url}/guid`, 4)
  const second = replicas[1]
  if (second !== undefined) second.state.readyStatus = 503
  await untilUp('127.0.0.1')
  const health = (await ask(`${url}/health`)).json()
  const { guid } = Object(health.services)
  assert.deepEqual([guid.status, guid.circuit, health.status], ['up', 'closed', 'ok'])
  const addresses = guid.addresses.map(({ latency_ms, ...rest }: { latency_ms: number }) => {
    assert.ok(latency_ms >= 0)
    return rest
  })
  assert.deepEqual(addresses, [
    { address: `127.0.0.1:${port}`, status: 'up', circuit: 'closed' },
    {
      address: `127.0.0.2:${port}`,
      status: 'down',
      circuit: 'closed',
      reason: 'It responds with status 503.',
    },
  ])
  assert.deepEqual(await metricsOf(url, 'address_requests_total'), [
    [`127.0.0.1:${port}`, '2'],
    [`127.0.0.2:${port}`, '2'],
  ])
})

test('The document of a service comes from an address that serves', async (t) => {
  const { url, replicas } = await startWorld(t)
  replicas[0]?.kill()
  const second = replicas[1]
  const answer = await ask(`${url}/openapi.json`)
  assert.equal(answer.status, 200)
  assert.ok(second?.state.requests.includes('GET /openapi.json'))
})
