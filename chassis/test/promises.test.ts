import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'
import type { AppOptions } from '@quintet/chassis/http'
import { checkEach, checkVersions } from '@quintet/chassis/promises'
import type { CheckedPromise, PromiseFinding } from '@quintet/chassis/promises'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createOperationsApp } from '../src/http/operations-listener.ts'
import { createPromiseChecks } from '../src/promises/promise-checks.ts'
import { createSampleApp } from './sample-app.ts'

const kept: PromiseFinding = { verdict: 'kept', found: 'All is well.', sample: 3 }
const look = { sampleMax: 10, hasTime: () => true }

function promise(check: CheckedPromise['check'], id = 'ledger'): CheckedPromise {
  return { id, title: 'Sums are sums.', guarantee: 'one-winner', check }
}

/** Checks whose log and metrics can be read. */
function world(t: TestContext, promises: readonly CheckedPromise[], everyMs = 0) {
  const lines: Record<string, unknown>[] = []
  const metrics = createMetrics()
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const logger = createLogger({ service: 'test', level: 'info', destination })
  const clock = createManualClock(1_000)
  const checks = createPromiseChecks(promises, { service: 'test', metrics, logger, clock, everyMs })
  t.after(checks.stop)
  return { checks, lines, clock, metrics }
}

test('Before a promise was checked nothing is known of it, and all results are counted from 0', async (t) => {
  const { checks, metrics } = world(t, [promise(async () => kept)])
  assert.deepEqual(checks.states(), [
    {
      id: 'ledger',
      service: 'test',
      title: 'Sums are sums.',
      guarantee: 'docs/guarantees.md#one-winner',
      command: 'npm run prove -- one-winner',
      verdict: 'unknown',
      found: 'It was not checked yet.',
      sample: 0,
      at: null,
      durationMs: null,
    },
  ])
  for (const result of ['kept', 'broken', 'unknown'])
    assert.match(
      await metrics.text(),
      new RegExp(`^quintet_promise_checks_total\\{promise="ledger",result="${result}"\\} 0$`, 'm'),
    )
})

test('Checks that are requested at once, or within 5 s, are one, whose result is counted once', async (t) => {
  let count = 0
  const { checks, metrics } = world(t, [promise(async () => ({ ...kept, sample: ++count }))])
  const states = await Promise.all([checks.check('ledger'), checks.check('ledger')])
  states.push(await checks.check('ledger'))
  assert.deepEqual(
    states.map((state) => state?.sample),
    [1, 1, 1],
  )
  assert.equal(states[0]?.at, 1_000)
  assert.deepEqual(checks.states()[0], states[0])
  assert.match(await metrics.text(), /^quintet_promise_checks_total\{promise="ledger",result="kept"\} 1$/m)
  assert.equal(checks.check('cache'), undefined)
})

test('A check that fails leaves it unknown whether the promise is kept, with a reason that names no host', async (t) => {
  const reasons = [
    new AppError('dependency_down', 'The database does not respond.'),
    new Error('connect 10.0.0.1'),
  ]
  const { checks, lines } = world(
    t,
    reasons.map((reason, i) => promise(() => Promise.reject(reason), `check${i}`)),
  )
  const found = await Promise.all(['check0', 'check1'].map((id) => checks.check(id)))
  assert.deepEqual(
    found.map((state) => [state?.verdict, state?.found]),
    [
      ['unknown', 'The database does not respond.'],
      ['unknown', 'The check failed; the log has the cause.'],
    ],
  )
  assert.deepEqual(
    lines.map(({ level, promise, reason }) => [level, promise, reason]),
    [
      ['warn', 'check0', 'The database does not respond.'],
      ['warn', 'check1', 'connect 10.0.0.1'],
    ],
  )
})

test('By itself every promise is checked again and again; a broken one has an error line, and another line when it is kept again', async (t) => {
  let verdict: PromiseFinding['verdict'] = 'broken'
  const ledger = promise(async () => ({ verdict, found: `It is ${verdict}.`, sample: 1 }))
  const { checks, lines, clock } = world(t, [ledger, promise(async () => kept, 'other')], 1)
  const until = async (expected: string) => {
    while (checks.states()[0]?.verdict !== expected) await pause(1)
  }
  await until('broken')
  // What was found within 5 s is not looked for again.
  clock.advance(5_000)
  while (checks.states()[0]?.at !== clock.now()) await pause(1)
  verdict = 'kept'
  clock.advance(5_000)
  await until('kept')
  const details = { promise: 'ledger', guarantee: 'docs/guarantees.md#one-winner', sample: 1 }
  assert.deepEqual(
    lines.map(({ time, service, ...line }) => line),
    [
      { level: 'error', ...details, found: 'It is broken.', msg: 'a promise is broken' },
      { level: 'info', ...details, found: 'It is kept.', msg: 'a promise is kept again' },
    ],
  )
})

test('What may be a change that is being made is looked at three times before it is a fault, and is then looked at by every check', async () => {
  const faults = new Map([
    ['passing', 2],
    ['lasting', 1_000],
  ])
  let picked: readonly string[] = ['passing', 'lasting', 'sound']
  const check = checkEach({
    noun: 'account',
    kept: 'each is sound',
    pick: async () => picked,
    async faultOf(key) {
      const left = faults.get(key) ?? 0
      faults.set(key, left - 1)
      return left > 0 ? 'it is not sound' : undefined
    },
  })
  assert.deepEqual(await check(look), {
    verdict: 'broken',
    found: 'account lasting: it is not sound.',
    sample: 3,
  })
  picked = ['sound']
  assert.deepEqual(await check(look), {
    verdict: 'broken',
    found: 'account lasting: it is not sound.',
    sample: 2,
  })
  faults.clear()
  assert.deepEqual(await check(look), {
    verdict: 'kept',
    found: '2 accounts at random: each is sound.',
    sample: 2,
  })
  assert.deepEqual(await check(look), {
    verdict: 'kept',
    found: '1 account at random: each is sound.',
    sample: 1,
  })
})

test('A check looks at nothing more once its time is over, and names five of many faults', async () => {
  let looked = 0
  const parts = {
    noun: 'row',
    kept: 'each is sound',
    pick: async () => Array.from({ length: 7 }, (_, i) => i),
  }
  const sound = checkEach({ ...parts, faultOf: async () => void looked++ })
  const finding = await sound({ sampleMax: 10, hasTime: () => looked < 3 })
  assert.deepEqual(finding, { verdict: 'kept', found: '3 rows at random: each is sound.', sample: 3 })
  const faulty = checkEach({ ...parts, pick: async () => [1, 2, 3, 4, 5, 6, 7], faultOf: async () => 'bad' })
  const { found } = await faulty(look)
  assert.equal(found, 'row 1: bad; row 2: bad; row 3: bad; row 4: bad; row 5: bad; and 2 more.')
})

test('A version that is lower than one that an earlier check has seen is a fault, and one that is gone is none', async () => {
  const versions = new Map([
    ['a', 5],
    ['b', 7],
  ])
  const check = checkVersions({
    noun: 'row',
    pick: async () => ['a', 'b'],
    versionOf: async (key) => versions.get(key),
  })
  assert.equal((await check(look)).verdict, 'kept')
  versions.set('a', 6)
  versions.delete('b')
  assert.equal((await check(look)).verdict, 'kept')
  versions.set('b', 6)
  assert.deepEqual(await check(look), {
    verdict: 'broken',
    found: 'row b: its version is lower than one that it had before.',
    sample: 2,
  })
})

async function appOf(t: TestContext, options: Partial<AppOptions> = {}) {
  return createSampleApp(t, { name: 'movies', promises: [promise(async () => kept)], ...options })
}

test('GET /health/promises shows what was found last, and with check what is found now', async (t) => {
  const app = await appOf(t)
  const get = async (query = '') => (await app.inject(`/health/promises${query}`)).json()
  assert.deepEqual(
    (await get()).data.map(({ verdict, service }: { verdict: string; service: string }) => [
      service,
      verdict,
    ]),
    [['movies', 'unknown']],
  )
  const { data } = await get('?check=ledger')
  assert.equal(data.length, 1)
  assert.equal(data[0].verdict, 'kept')
  assert.deepEqual((await get()).data, data)
  const refused = await app.inject('/health/promises?check=cache')
  assert.equal(refused.statusCode, 400)
  assert.equal(refused.json().detail, 'check must be one of ledger.')
  assert.equal(
    (await app.inject('/health/promises?service=guid')).json().detail,
    'service must be one of movies.',
  )
})

test('With a port for operations the promises of all services are there and not on the ports of the services', async (t) => {
  const guard = { OPERATIONS_PORT: 9464 }
  const apps = [await appOf(t, { guard }), await appOf(t, { guard, name: 'guid' })]
  const logger = createLogger({ service: 'test', level: 'silent' })
  const operations = await createOperationsApp(
    apps.map(({ observed }) => observed),
    { logger, connectionsMax: 10 },
  )
  t.after(() => operations.close())
  assert.equal((await apps[0]?.inject('/health/promises'))?.statusCode, 404)
  const get = async (query: string) => (await operations.inject(`/health/promises${query}`)).json().data
  const shown = async (query: string) =>
    (await get(query)).map(
      ({ service, verdict }: { service: string; verdict: string }) => `${service} ${verdict}`,
    )
  assert.deepEqual(await shown(''), ['movies unknown', 'guid unknown'])
  assert.deepEqual(await shown('?service=guid&check=ledger'), ['guid kept'])
  assert.deepEqual(await shown(''), ['movies unknown', 'guid kept'])
})

test('A service that closes waits for the check that runs, which gets no more time', async (t) => {
  const begun = Promise.withResolvers<void>()
  let hasEnded = false
  const app = await appOf(t, {
    promises: [
      promise(async ({ hasTime }) => {
        begun.resolve()
        while (hasTime()) await pause(1)
        hasEnded = true
        return kept
      }),
    ],
  })
  const checking = app.inject('/health/promises?check=ledger')
  await begun.promise
  await app.close()
  assert.ok(hasEnded)
  assert.equal((await checking).json().data[0].verdict, 'kept')
})
