import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { startProxy } from '../../chassis/test/tcp-proxy.ts'
import { call, dataFolder, root, run } from '../system/processes.ts'

/** Two gateways that count in one Redis, with four times as many requests as their limit admits. */

const rate = 50
/** Two seconds of it, so that no pause of the machine leaves the limit unused. */
const burst = 100
const policies = `"client";q=${rate};w=1;burst=${burst};by="address";on="/none"`
const costUs = 1_000_000 / rate
const capacityUs = burst * costUs

type Response = { readonly status: number; readonly sentAt: number; readonly receivedAt: number }

async function startGateways(t: TestContext, settings: Record<string, string>) {
  const start = (name: string) =>
    run(t, ['services/gateway/src/main.ts'], {
      DATA_DIR: `${dataFolder(t)}/${name}`,
      LOG_LEVEL: 'warn',
      RATE_LIMIT: 'on',
      RATE_LIMIT_POLICIES: policies,
      RATE_LIMIT_REPLICAS: '2',
      ...settings,
    }).address('gateway')
  const urls = await Promise.all([start('one'), start('two')])
  const responses: Response[] = []
  let isOver = false
  const send = async (url: string) => {
    const sentAt = performance.now()
    const response = await call('GET', `${url}/none`)
    responses.push({ status: response?.status ?? 0, sentAt, receivedAt: performance.now() })
  }
  const senders = 8
  const load = Array.from({ length: senders }, async (_, i) => {
    while (!isOver)
      await Promise.all([send(urls[i % urls.length] ?? ''), pause((1_000 * senders) / (4 * rate))])
  })
  return {
    urls,
    responses,
    /** Those that were sent and received in this time. */
    within: (fromMs: number, toMs: number) =>
      responses.filter(({ sentAt, receivedAt }) => sentAt >= fromMs && receivedAt <= toMs),
    async end() {
      isOver = true
      await Promise.all(load)
    },
    isEach: async (status: 'up' | 'down') => {
      const healths = await Promise.all(urls.map((url) => call('GET', `${url}/health`)))
      return healths.every((health) => Object(health?.body).limits?.status === status)
    },
  }
}

/** Requests that the limits admit get 404 here. */
const admittedOf = (responses: readonly Response[]) => responses.filter(({ status }) => status === 404).length

/** How many requests a gateway has admitted: as Redis has counted them, and without it. */
async function decisionsAt(url: string): Promise<{ allowed: number; degraded: number }> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const of = (decision: string) =>
    Number(
      new RegExp(
        `^quintet_guard_decisions_total\\{(?=[^}]*policy="client")[^}]*decision="${decision}"[^}]*\\} (\\d+)$`,
        'm',
      ).exec(text)?.[1] ?? Number.NaN,
    )
  return { allowed: of('allowed'), degraded: of('degraded') }
}

type Decision = {
  readonly atUs: number
  /** When the bucket will be empty, where the request was admitted. */
  emptyAtUs?: number
}

/** Every decision that Redis makes about a client from now on, in order and by its own clock. */
async function watchDecisions(t: TestContext, url: string, client: string): Promise<() => Decision[]> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  t.after(() => socket.destroy())
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.write('MONITOR\r\n')
  await until(() => text.startsWith('+OK'))
  const form = new RegExp(
    `^\\+(\\d+)\\.(\\d{6}) \\[\\d+ lua\\] "(GET|SET)" "quintet:limit:gateway:client:${RegExp.escape(client)}"(?: "(\\d+)")?`,
    'gm',
  )
  return () => {
    const decisions: Decision[] = []
    // The script reads the bucket for each request, and writes it if that is admitted.
    for (const [, seconds, micros, command, emptyAt] of text.matchAll(form)) {
      const last = decisions.at(-1)
      if (command === 'GET') decisions.push({ atUs: Number(`${seconds}${micros}`) })
      else if (last !== undefined) last.emptyAtUs = Number(emptyAt)
    }
    return decisions
  }
}

/** The time of MONITOR and that of the script are read one after the other. */
const clockToleranceUs = 5_000

/** Checks that the decisions are those of one bucket, into which each admitted request fills its cost, and which never overflows. */
function checkBucket(
  decisions: readonly Decision[],
  { refusesOnlyWhenFull }: { refusesOnlyWhenFull: boolean },
): void {
  let emptyAtUs = 0
  for (const { atUs, emptyAtUs: next } of decisions) {
    if (next === undefined) {
      if (refusesOnlyWhenFull)
        assert.ok(
          emptyAtUs + costUs > atUs + capacityUs - clockToleranceUs,
          'There was room for a refused request.',
        )
      continue
    }
    assert.ok(next >= emptyAtUs + costUs, 'An admitted request has not filled in its cost.')
    assert.ok(next <= atUs + capacityUs + clockToleranceUs, 'The bucket has overflowed.')
    emptyAtUs = next
  }
}

/**
 * How many requests were admitted between the first refusal and the last, and how many the rate gives in that time, but for that in which
 * there were so few requests that the bucket was empty.
 */
function whileExhausted(decisions: readonly Decision[]): { admitted: number; full: number } {
  const isRefused = ({ emptyAtUs }: Decision) => emptyAtUs === undefined
  const between = decisions.slice(decisions.findIndex(isRefused), decisions.findLastIndex(isRefused) + 1)
  let idleUs = 0
  let emptyAtUs = Number.POSITIVE_INFINITY
  for (const { atUs, emptyAtUs: next } of between) {
    idleUs += Math.max(0, atUs - emptyAtUs)
    emptyAtUs = next ?? emptyAtUs
  }
  const [first, last] = [between[0]?.atUs ?? 0, between.at(-1)?.atUs ?? 0]
  const admitted = between.filter((one) => !isRefused(one)).length
  return { admitted, full: (rate * (last - first - idleUs)) / 1_000_000 - 1 }
}

const limitIn = (us: number) => burst + (rate * us) / 1_000_000

if (engineUrl('redis') !== undefined) {
  test('Two gateways with one Redis admit the limit together: not more, and not less than 0.99 of it', async (t) => {
    const engine = await startPrivateEngine('redis')
    t.after(engine.dispose)
    const watched = await watchDecisions(t, engine.url, '127.0.0.1')
    const { urls, responses, end } = await startGateways(t, { RATE_LIMIT_URL: engine.url })
    await pause(10_000)
    await end()
    const counts = await Promise.all(urls.map(decisionsAt))
    const allowed = counts.reduce((sum, count) => sum + count.allowed, 0)
    const degraded = counts.reduce((sum, count) => sum + count.degraded, 0)
    const decisions = watched()
    const admissions = decisions.filter(({ emptyAtUs }) => emptyAtUs !== undefined)
    const [first] = decisions
    assert.ok(first !== undefined)
    const inRedis = admissions.length
    t.diagnostic(
      `${responses.length} requests, ${admittedOf(responses)} admitted; ${inRedis} by Redis, ${degraded} without it`,
    )

    // On a busy machine Redis may take longer than its 50 ms, and then a gateway counts its half by itself.
    checkBucket(decisions, { refusesOnlyWhenFull: degraded === 0 })
    const lastUs = (admissions.at(-1)?.atUs ?? 0) - first.atUs
    assert.ok(inRedis <= limitIn(lastUs + clockToleranceUs), `Redis admitted ${inRedis} in ${lastUs} us.`)
    assert.ok(allowed <= inRedis, `${allowed} were admitted, of which Redis counted ${inRedis}.`)
    assert.ok(admittedOf(responses) <= inRedis + degraded)
    const sent = responses.map(({ sentAt }) => sentAt)
    const wholeUs = 1_000 * (Math.max(...responses.map(({ receivedAt }) => receivedAt)) - Math.min(...sent))
    for (const count of counts)
      assert.ok(count.degraded <= limitIn(wholeUs) / 2, `A gateway admitted ${count.degraded} by itself.`)

    const { admitted, full } = whileExhausted(decisions)
    assert.ok(full > rate, `The load was within the limit but for ${full} of ${inRedis} requests.`)
    if (degraded === 0) assert.ok(admitted >= 0.99 * full, `${admitted} were admitted, and ${full} may be.`)
    assert.ok(responses.every(({ status }) => status === 404 || status === 429))
  })

  test('quintet limits prints what two gateways have counted in Redis together, and forgets it', async (t) => {
    const engine = await startPrivateEngine('redis')
    t.after(engine.dispose)
    // None of it is regained while the commands start.
    const limits = {
      RATE_LIMIT: 'on',
      RATE_LIMIT_POLICIES: '"client";q=100;w=86400;by="address";on="/none"',
      RATE_LIMIT_URL: engine.url,
    }
    const { urls, end } = await startGateways(t, limits)
    await end()
    for (const url of urls) for (let i = 0; i < 10; i++) await call('GET', `${url}/none`)
    const settings = { PATH: process.env.PATH ?? '', ...limits }
    const quintet = (...words: string[]) =>
      promisify(execFile)(process.execPath, ['quintet.ts', ...words], { cwd: root, env: settings })
    // On a busy machine a gateway may have counted in its memory at first.
    let listed = ''
    for (let tries = 0; listed === '' && tries < 10; tries++) {
      for (const url of urls) await call('GET', `${url}/none`)
      listed = (await quintet('limits', 'list', '--all')).stdout
    }
    assert.match(listed, /^ *\d+ % {2}\d+ of 100 +gateway +client {2}127\.0\.0\.1$/m)
    await quintet('limits', 'reset', 'client', '127.0.0.1')
    assert.equal((await quintet('limits', 'list', '--all')).stdout, '')
    await assert.rejects(quintet('limits', 'reset', 'client', '127.0.0.1'), /Nothing is counted/)
    await assert.rejects(
      quintet('limits', 'reset', 'other', '127.0.0.1'),
      /"other" is not a policy; there are client/,
    )
  })

  for (const degraded of ['local', 'open', 'closed'] as const)
    test(`While Redis is killed, stopped or slow, gateways do as ${degraded} says, say so, and are back within 2 s of it`, async (t) => {
      const engine = await startPrivateEngine('redis')
      t.after(engine.dispose)
      const proxy = await startProxy(t, engine.url)
      const gateways = await startGateways(t, {
        RATE_LIMIT_URL: proxy.through(engine.url),
        RATE_LIMIT_DEGRADED: degraded,
      })
      const { isEach, within, responses } = gateways
      const faults: (readonly [name: string, begin: () => unknown, end: () => unknown])[] = [
        // It comes back empty.
        ['killed', engine.kill, engine.restart],
        ['stopped', engine.pause, engine.resume],
        ['slow', () => proxy.delay(200), proxy.pass],
      ]
      await until(() => isEach('up'), 10_000)
      for (const [name, begin, end] of faults) {
        await begin()
        await until(() => isEach('down'), 10_000)
        const from = performance.now()
        await pause(1_500)
        const to = performance.now()
        checkDegraded(degraded, within(from, to), limitIn(1_000 * (to - from)), name)
        await end()
        await until(() => answersPing(engine.url), 10_000)
        const backAt = performance.now()
        await until(() => isEach('up'), 10_000)
        const tookMs = performance.now() - backAt
        assert.ok(tookMs < 2_000, `${name}: Redis was back for ${tookMs} ms.`)
      }
      await gateways.end()
      const statuses = new Set(responses.map(({ status }) => status))
      assert.ok(statuses.isSubsetOf(new Set([404, 429, 503])), [...statuses].join())
      assert.equal(statuses.has(503), degraded === 'closed')
    })
}

/** Checks what gateways without Redis did: both together may admit `limit`. */
function checkDegraded(
  degraded: 'local' | 'open' | 'closed',
  responses: readonly Response[],
  limit: number,
  fault: string,
): void {
  const statuses = [...new Set(responses.map(({ status }) => status))]
  const admitted = admittedOf(responses)
  if (degraded === 'open') assert.deepEqual(statuses, [404], fault)
  else if (degraded === 'closed') assert.deepEqual(statuses, [503], fault)
  else {
    assert.ok(admitted > 0 && admitted <= limit, `${fault}: ${admitted} of ${limit} were admitted.`)
    assert.ok(admitted < responses.length, `${fault}: nothing was refused.`)
  }
}

async function answersPing(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write('PING\r\n')
  const [answer = ''] = await socket
    .take(1)
    .toArray()
    .catch(() => [])
  socket.destroy()
  return String(answer).startsWith('+PONG')
}
