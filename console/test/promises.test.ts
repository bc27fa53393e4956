import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createApp, listen } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { PromiseFinding } from '@quintet/chassis/promises'
import { createLogger } from '@quintet/chassis/telemetry'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { listenOn } from '@quintet/chassis/testing/sockets'
import type { History, ObservedService } from '../src/parts.ts'
import { addPromises } from '../src/promises.ts'
import type { PromiseCheck } from '../src/wire/index.ts'
import { observed } from './observed.ts'

const logger = createLogger({ service: 'console', level: 'silent' })

/** A service that listens, with one promise, and a console that observes it. */
async function world(t: TestContext, given: Partial<ObservedService> = {}, pollMs = 60_000) {
  const clock = createManualClock(1_000)
  let finding: PromiseFinding = { verdict: 'kept', found: 'All sums are right.', sample: 3 }
  const guid = await createApp({
    ...{ name: 'guid', title: 'GUIDs', description: 'For tests.', logger, clock },
    promises: [
      { id: 'cache', title: 'Reads are fresh.', guarantee: 'no-stale-read', check: async () => finding },
    ],
  })
  t.after(() => guid.close())
  const url = await listen(guid, { host: '127.0.0.1', port: 0 })
  const events: string[] = []
  const history: Pick<History, 'addEvent'> = {
    async addEvent({ at, kind, service, text }) {
      events.push(`${at} ${kind} ${service}: ${text}`)
    },
  }
  const service: ObservedService = { ...observed('guid', url), ...given }
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'Promises.', logger, checkResponses: true },
  })
  addPromises(app, { services: [service], history: { ...noHistory, ...history }, clock, pollMs })
  t.after(() => app.close())
  return {
    ...{ app, guid, clock, events },
    find(found: PromiseFinding) {
      finding = found
      // What was found within 5 s would be shared.
      clock.advance(5_000)
    },
    list: async (): Promise<PromiseCheck[]> => (await call(app, 'GET', '/api/promises')).body.data,
    check: (id: string, name = 'guid') => call(app, 'POST', `/api/promises/${name}/${id}/check`),
  }
}

const noHistory: History = {
  addEvent: async () => {},
  events: async () => [],
  addAction: async () => {},
  actions: async () => [],
}

async function call(app: App, method: 'GET' | 'POST', url: string) {
  const { statusCode: status, body } = await app.inject({ method, url })
  return { status, body: JSON.parse(body) }
}

const summary = ({ id, verdict, found, at }: PromiseCheck) => [id, verdict, found, at]
const unchecked = ['settings', 'unknown', 'It was not checked yet.', null]

test('The promises of a service are listed as it has found them, and checked by it when that is requested', async (t) => {
  const { list, check } = await world(t)
  assert.deepEqual((await list()).map(summary), [
    ['cache', 'unknown', 'It was not checked yet.', null],
    unchecked,
  ])
  const { status, body } = await check('cache')
  assert.equal(status, 200)
  assert.deepEqual(
    { ...body, durationMs: 0 },
    {
      id: 'cache',
      service: 'guid',
      title: 'Reads are fresh.',
      guarantee: 'docs/guarantees.md#no-stale-read',
      command: 'npm run prove -- no-stale-read',
      verdict: 'kept',
      found: 'All sums are right.',
      sample: 3,
      at: 1_000,
      durationMs: 0,
    },
  )
  assert.deepEqual((await list()).map(summary), [['cache', 'kept', 'All sums are right.', 1_000], unchecked])
})

test('A promise or a service that there is not is 404', async (t) => {
  const { check } = await world(t)
  assert.deepEqual(
    [await check('ledger'), await check('cache', 'mail')].map(({ status, body }) => [status, body.detail]),
    [
      [404, 'guid checks no promise "ledger".'],
      [404, 'There is no service "mail".'],
    ],
  )
})

test('A change of verdict is an event, and what is unknown in between is none', async (t) => {
  const { check, list, find, events } = await world(t)
  await check('cache')
  find({ verdict: 'unknown', found: 'Nothing is known.', sample: 0 })
  await check('cache')
  find({ verdict: 'broken', found: 'GUID A is stale.', sample: 1 })
  await check('cache')
  await list()
  find({ verdict: 'kept', found: 'All is well.', sample: 1 })
  await check('cache')
  assert.deepEqual(events, [
    '11000 promise guid: A promise of guid, cache, is broken: GUID A is stale.',
    '16000 promise guid: The promise cache of guid is kept again: All is well.',
  ])
})

test('A broken promise is an event though nobody looks at the console', async (t) => {
  const { guid, find, events } = await world(t, {}, 5)
  find({ verdict: 'broken', found: 'GUID A is stale.', sample: 1 })
  await guid.observed.promises.check('cache')
  while (events.length === 0) await pause(5)
  assert.match(events[0] ?? '', /is broken: GUID A is stale\.$/)
})

test('Of a service that does not respond every promise is unknown, with the reason', async (t) => {
  const { list, check, guid } = await world(t)
  await check('cache')
  await list()
  await guid.close()
  const [cache] = await list()
  assert.deepEqual([cache?.id, cache?.verdict, cache?.at], ['cache', 'unknown', null])
  assert.match(cache?.found ?? '', /^It does not respond at http:\/\/127\.0\.0\.1:\d+\/health\/promises\.$/)
  assert.equal((await check('cache')).body.verdict, 'unknown')
})

test('Of a service that has never responded, or does not show its promises, one line says so', async (t) => {
  const server = createServer((_request, response) => response.writeHead(401).end('{}'))
  const port = await listenOn(t, server)
  const { list } = await world(t, { readinessUrl: () => `http://127.0.0.1:${port}/health/guid` })
  const [all, settings] = await list()
  assert.deepEqual([all?.id, all?.verdict, all?.title], ['all', 'unknown', 'What guid promises.'])
  assert.equal(all?.found, `It responds with 401 at http://127.0.0.1:${port}/health/promises.`)
  assert.deepEqual(settings && summary(settings), unchecked)
})

test('A service that is stopped is not requested, and one of this process says itself what it has found', async (t) => {
  const stopped = {
    state: () => 'stopped' as const,
    since: () => 1,
    start: async () => {},
    stop: async () => {},
  }
  const first = await world(t, { control: stopped })
  assert.deepEqual((await first.list()).map(summary)[0], ['all', 'unknown', 'The service is stopped.', null])
  const own = await world(t)
  const second = await world(t, {
    readinessUrl: () => 'http://127.0.0.1:1/',
    promises: () => own.guid.observed.promises,
  })
  assert.equal((await second.check('cache')).body.verdict, 'kept')
  assert.deepEqual((await second.list()).map(summary)[0], ['cache', 'kept', 'All sums are right.', 1_000])
  assert.equal((await second.check('ledger')).status, 404)
})

test('The settings of engines are examined on request, and one that weakens a guarantee is named', async (t) => {
  const weak = await world(t, {
    examine: async () => [
      { verdict: 'good', text: 'It responds.' },
      { verdict: 'weak', text: 'fsync is off.' },
    ],
  })
  const { body } = await weak.check('settings')
  assert.deepEqual(summary(body), ['settings', 'broken', 'fsync is off.', 1_000])
  assert.equal(body.sample, 2)
  assert.deepEqual(weak.events, ['1000 promise guid: A promise of guid, settings, is broken: fsync is off.'])
  const good = await world(t, { examine: async () => [{ verdict: 'good', text: 'It responds.' }] })
  assert.equal((await good.check('settings')).body.verdict, 'kept')
  const away = await world(t, { examine: () => Promise.reject(new Error('connect 10.0.0.1')) })
  assert.equal((await away.check('settings')).body.found, 'The engines could not be examined.')
})
