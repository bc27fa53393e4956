import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { createApp } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import type { Finding } from '@quintet/chassis/diagnosis'
import type { ObservedService, ServiceControl } from '@quintet/console/parts'
import { createHistory } from '../src/history.ts'
import { openReader } from '../src/reader.ts'
import { addServices } from '../src/services.ts'
import { createStates } from '../src/states.ts'
import { observed } from './observed.ts'
import { openConsole, ownFields } from './world.ts'

const logger = createLogger({ service: 'console', level: 'silent' })

/** A service of another process, where nothing listens. */
const elsewhere = observed('guid', 'http://127.0.0.1:9')

/** The routes of services, whose actions anybody may do. */
async function openServices(t: TestContext, service: Partial<ObservedService>) {
  const reader = openReader('none:')
  t.after(reader.close)
  const history = createHistory(reader, logger)
  let now = 1_000
  const clock = { now: () => now }
  const guid: ObservedService = { ...elsewhere, ...service }
  const states = createStates([guid], { clock, history, logger })
  const app = await createApp({ name: 'console', title: 'Console', description: 'Services.', logger })
  addServices(app, {
    services: [guid],
    states,
    version: '1.2.3',
    measuredOf: () => undefined,
    act: async (_request, _action, work) => (await work()).value,
    timeoutMs: 20,
  })
  t.after(async () => {
    states.stop()
    await app.close()
  })
  return {
    history,
    pass: (ms: number) => {
      now += ms
    },
    async call(method: 'GET' | 'POST', path: string) {
      const { statusCode, body } = await app.inject({ method, url: `/api/services${path}` })
      return { status: statusCode, body: JSON.parse(body) }
    },
  }
}

function controlOf(control: Partial<ServiceControl>): ServiceControl {
  return { state: () => 'up', since: () => 1, start: async () => {}, stop: async () => {}, ...control }
}

test('A service of another process is 409 for each action, and says where to act', async (t) => {
  const { call } = await openServices(t, {})
  for (const action of ['start', 'stop', 'restart']) {
    const { status, body } = await call('POST', `/guid/${action}`)
    assert.equal(status, 409)
    assert.equal(body.detail, `guid runs in another process; ${action} it there.`)
  }
  assert.equal((await call('POST', '/nothing/stop')).status, 404)
})

test('An action that does not reach its state in time is 504, with what it waits for', async (t) => {
  const control = controlOf({ state: () => 'closing', stop: () => new Promise(() => {}) })
  const { call } = await openServices(t, { control })
  const { status, body } = await call('POST', '/guid/stop')
  assert.equal(status, 504)
  assert.match(body.detail, /^guid is still closing: it finishes requests/)
})

test('A start that fails is 503 with the reason, as its port is in use, and the service is stopped', async (t) => {
  const inUse = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:8888'), {
    code: 'EADDRINUSE',
  })
  const control = controlOf({ state: () => 'stopped', start: () => Promise.reject(inUse) })
  const { call } = await openServices(t, { control })
  const { status, body } = await call('POST', '/guid/start')
  assert.equal(status, 503)
  assert.equal(body.detail, `guid cannot start: ${inUse.message}`)
  assert.equal((await call('GET', '/guid')).body.state, 'stopped')
})

test('A service whose dependency does not respond is not ready, with which; it is up again afterwards, and both are events', async (t) => {
  let fault: string | undefined
  const readiness = async () => ({
    status: fault === undefined ? 'ready' : 'not ready',
    dependencies: { database: fault ?? 'up' },
  })
  const { call, pass, history } = await openServices(t, { readiness })
  const up = await call('GET', '/guid')
  assert.equal(up.body.state, 'up')
  assert.deepEqual(up.body.dependencies, { database: 'up' })
  fault = 'It did not respond in time.'
  pass(5_000)
  const { body } = await call('GET', '/guid')
  assert.equal(body.state, 'not ready')
  assert.equal(body.fault, 'database: It did not respond in time.')
  assert.equal(body.since, 6_000)
  fault = undefined
  pass(1_000)
  await call('GET', '')
  const events = await history.events({ from: 0, to: 10_000 })
  assert.deepEqual(
    events.map(({ at, kind }) => [at, kind]),
    [
      [6_000, 'unreachable'],
      [7_000, 'start'],
    ],
  )
})

test('The start of a service that has begun with the console is an event, once and at its time', async (t) => {
  const readiness = async () => ({ status: 'ready', dependencies: {} })
  const { call, pass, history } = await openServices(t, {
    readiness,
    control: controlOf({ since: () => 400 }),
  })
  for (let i = 0; i < 2; i += 1) {
    assert.equal((await call('GET', '/guid')).body.since, 400)
    pass(1_000)
  }
  assert.deepEqual(await history.events({ from: 0, to: 10_000 }), [
    { at: 400, kind: 'start', service: 'guid', text: 'guid is up.' },
  ])
})

test('A service of another process is found by its readiness, and is unreachable where nothing listens', async (t) => {
  const other = await createApp({
    name: 'guid',
    title: 'guid',
    description: 'Elsewhere.',
    logger,
    dependencies: {
      async queue() {
        if (isAway) throw new AppError('dependency_down', 'The broker is away.')
      },
    },
  })
  let isAway = false
  t.after(() => other.close())
  const url = await other.listen({ host: '127.0.0.1', port: 0 })
  const { call } = await openServices(t, { readinessUrl: () => `${url}/health/ready` })
  assert.equal((await call('GET', '/guid')).body.state, 'up')
  isAway = true
  const { body } = await call('GET', '/guid')
  assert.equal(body.state, 'not ready')
  assert.equal(body.fault, 'queue: The broker is away.')
  await other.close()
  assert.equal((await call('GET', '/guid')).body.state, 'unreachable')
})

test('Those who want a service examined at once share one examination, also as a check, and the next begins another', async (t) => {
  const begun: ((findings: Finding[]) => void)[] = []
  const examine = () => new Promise<Finding[]>((resolve) => begun.push(resolve))
  let arrived = 0
  const url = () => {
    arrived += 1
    return elsewhere.url()
  }
  const { send } = await openConsole(t, {}, { services: [{ ...elsewhere, url, examine }] })
  const checked = send('POST', '/api/promises/guid/settings/check', { headers: ownFields })
  await until(() => begun.length > 0)
  const look = () => send('GET', '/api/services/guid?doctor=1')
  const looks = Promise.all([look(), look(), look()])
  await until(() => arrived === 3)
  await nextTurn()
  assert.equal(begun.length, 1)
  begun[0]?.([{ verdict: 'good', text: 'It responds.' }])
  for (const { text } of await looks)
    assert.deepEqual(JSON.parse(text).findings, [{ level: 'good', subject: 'guid', text: 'It responds.' }])
  assert.equal(JSON.parse((await checked).text).verdict, 'kept')
  const next = look()
  await until(() => begun.length === 2)
  begun[1]?.([])
  assert.deepEqual(JSON.parse((await next).text).findings, [])
})
