import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { startProxy } from '../../chassis/test/tcp-proxy.ts'
import { call, dataFolder, root, run } from '../system/processes.ts'

const rate = 20
const burst = 20
const policies = `"client";q=${rate};w=1;burst=${burst};by="address"`

type Response = { readonly status: number; readonly sentAt: number; readonly tookMs: number }

/** Two gateways that count in one Redis, and a load of four times the limit through both. */
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
    responses.push({ status: response?.status ?? 0, sentAt, tookMs: performance.now() - sentAt })
  }
  const load = urls.flatMap((url) =>
    Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await Promise.all([send(url), pause((1_000 * 8) / (4 * rate))])
      }
    }),
  )
  return {
    urls,
    responses,
    since: (ms: number) => responses.filter(({ sentAt }) => sentAt >= ms),
    async end() {
      isOver = true
      await Promise.all(load)
    },
    health: async (url: string) => Object((await call('GET', `${url}/health`))?.body).limits?.status,
  }
}

/** Requests that the limits admit get 404 here. */
const admittedOf = (responses: readonly Response[]) => responses.filter(({ status }) => status === 404).length

/** How many decisions a gateway made without Redis. */
async function degradedAt(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(
    /^quintet_guard_decisions_total\{policy="client",decision="degraded",.*\} (\d+)$/m.exec(text)?.[1],
  )
}

if (engineUrl('redis') !== undefined) {
  test('Two gateways with one Redis admit the limit together: not more, and not less than 0.99 of it', async (t) => {
    const engine = await startPrivateEngine('redis')
    t.after(engine.dispose)
    const { urls, responses, end } = await startGateways(t, { RATE_LIMIT_URL: engine.url })
    await pause(10_000)
    await end()
    const sent = responses.map(({ sentAt }) => sentAt)
    const received = responses.map(({ sentAt, tookMs }) => sentAt + tookMs)
    // A request is counted between the two.
    const limitIn = (fromMs: number, toMs: number) => burst + (rate * (toMs - fromMs)) / 1_000
    const most = limitIn(Math.min(...sent), Math.max(...received))
    // On a busy machine Redis may take longer than its 50 ms, and then each gateway has only its half.
    const share = (await Promise.all(urls.map(degradedAt))).some((count) => count > 0) ? 0.8 : 0.99
    const least = share * limitIn(Math.min(...received), Math.max(...sent))
    const admitted = admittedOf(responses)
    // A busy machine sends less than four times the limit, which has to be exceeded all the same.
    assert.ok(responses.length > 1.2 * admitted, `${responses.length} requests, ${admitted} admitted`)
    assert.ok(admitted <= most, `${admitted} were admitted, and ${most} may be`)
    assert.ok(admitted >= least, `${admitted} were admitted, and ${least} should be`)
    assert.ok(responses.every(({ status }) => status === 404 || status === 429))

    const settings = {
      PATH: process.env.PATH ?? '',
      RATE_LIMIT_POLICIES: policies,
      RATE_LIMIT_URL: engine.url,
    }
    const quintet = (...words: string[]) =>
      promisify(execFile)(process.execPath, ['quintet.ts', ...words], { cwd: root, env: settings })
    const { stdout } = await quintet('limits', 'list', '--all')
    assert.match(stdout, /^ *\d+ % {2}\d+ of 20 +gateway +client {2}127\.0\.0\.1$/m)
    await quintet('limits', 'reset', 'client', '127.0.0.1')
    assert.equal((await quintet('limits', 'list', '--all')).stdout, '')
    await assert.rejects(quintet('limits', 'reset', 'client', '127.0.0.1'), /Nothing is counted/)
    await assert.rejects(
      quintet('limits', 'reset', 'other', '127.0.0.1'),
      /"other" is not a policy; there are client/,
    )
  })

  for (const degraded of ['local', 'open', 'closed'] as const)
    test(`While Redis is killed, stopped or slow, gateways do as ${degraded} says, say so, and are back within 2 s`, async (t) => {
      const engine = await startPrivateEngine('redis')
      t.after(engine.dispose)
      const proxy = await startProxy(t, engine.url)
      const gateways = await startGateways(t, {
        RATE_LIMIT_URL: proxy.through(engine.url),
        RATE_LIMIT_DEGRADED: degraded,
      })
      const { urls, health, since } = gateways
      const isEach = async (status: string) =>
        (await Promise.all(urls.map(health))).every((one) => one === status)
      const faults: (readonly [() => unknown, () => unknown])[] = [
        [() => engine.kill(), () => engine.restart()],
        [() => engine.pause(), () => engine.resume()],
        [() => proxy.delay(200), () => proxy.pass()],
      ]
      await pause(1_000)
      for (const [begin, end] of faults) {
        await begin()
        await until(() => isEach('down'), 5_000)
        const from = performance.now()
        await pause(1_500)
        const during = since(from)
        const seconds = (performance.now() - from) / 1_000
        const statuses = new Set(during.map(({ status }) => status))
        if (degraded === 'open') assert.deepEqual([...statuses], [404])
        else if (degraded === 'closed') assert.deepEqual([...statuses], [503])
        else {
          const limit = burst + rate * seconds
          assert.ok(admittedOf(during) <= limit + 0.1 * rate, `${admittedOf(during)} of ${limit}`)
          assert.ok(admittedOf(during) >= 0.5 * rate * seconds, `${admittedOf(during)} of ${limit}`)
        }
        await end()
        const endedAt = performance.now()
        await until(() => isEach('up'), 10_000)
        assert.ok(performance.now() - endedAt < 2_500, `${performance.now() - endedAt} ms`)
        await pause(500)
      }
      await gateways.end()
      assert.ok(gateways.responses.every(({ status }) => [404, 429, 503].includes(status)))
      const { responses } = gateways
      const slow = responses.filter(({ tookMs }) => tookMs > 500)
      assert.ok(slow.length < 20, `${slow.length} took more than half a second`)
    })
}
