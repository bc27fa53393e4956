import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { openKeyedQueue } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { createFileUrl, engineUrl, until } from '@quintet/chassis/testing'
import { createCaller } from '@quintet/chassis/testing/requests'
import { createCertificatesApp } from '../src/app.ts'
import { secret, startReceiver } from './start-receiver.ts'
import { ada, configOf, opaque } from './world.ts'

/** Notifications on the brokers that several machines can share, each one private to its test. */
for (const broker of ['amqp', 'kafka'] as const) {
  if (engineUrl(broker) === undefined) continue

  test(`Two replicas deliver every notification to a receiver that fails at times, in order per certificate, also when one of them ends (on ${broker})`, async (t) => {
    let requests = 0
    const { received, settings } = await startReceiver(t, () => {
      requests += 1
      return requests % 3 === 0 ? 503 : 204
    })
    const { start } = await openSystem(t, broker, settings)
    const [one, two] = [await start(), await start()]
    const certificates = await one.addCertificates(5)
    const changes = Array.from({ length: 8 }, (_, i) => i % 2 === 1)
    for (const [i, active] of changes.entries()) {
      if (i === 4) await one.close()
      for (const path of certificates) await (i < 4 && i % 2 === 0 ? one : two).change(path, active)
    }
    // The log has a notification from its first attempt on.
    await until(async () => {
      const statuses = await two.statuses(certificates)
      const isComplete = statuses.length === certificates.length * changes.length
      return isComplete && statuses.every((status) => status === 'delivered')
    })
    for (const path of certificates) {
      const id = Number(path.split('/').at(-1))
      const bodies = received.filter(({ status }) => status === 204).map(({ body }) => JSON.parse(body))
      const states = bodies.filter((body) => body.id === id).map((body) => body.active)
      assert.deepEqual(withoutRepetitions(states), changes, path)
    }
  })

  test(`Attempts of a notification count on when the service is started again, and the last one makes a dead letter, which can be replayed (on ${broker})`, async (t) => {
    let down = true
    const { received, settings } = await startReceiver(t, () => (down ? 503 : 204))
    const { start, url } = await openSystem(t, broker, {
      ...settings,
      CERTIFICATES_NOTIFY_ATTEMPTS_MAX: '3',
    })
    const first = await start()
    const [path = ''] = await first.addCertificates(1)
    await first.change(path, false)
    await until(() => received.length === 2)
    await first.close()
    const second = await start()
    await until(async () => (await second.statuses([path]))[0] === 'failed')
    assert.equal(received.length, 3)
    const queue = await openKeyedQueue(url)
    t.after(() => queue.close())
    const dead = 'certificates.notifications.dead'
    await until(async () => (await queue.depth(dead)) === 1)
    const [letter] = await queue.list(dead)
    assert.equal(letter?.attempts, 3)
    assert.match(String(letter.reason), /responded with status 503/)
    down = false
    assert.equal((await queue.replay(dead, {})).length, 1)
    await until(async () => (await second.statuses([path]))[0] === 'delivered')
    assert.equal(received.length, 4)
  })
}

/** Replicas of the service on one database and one broker. */
async function openSystem(t: TestContext, broker: 'amqp' | 'kafka', settings: Record<string, string>) {
  const engine = await startPrivateEngine(broker)
  t.after(() => engine.dispose())
  const config = configOf({
    CERTIFICATES_DATABASE_URL: createFileUrl(t),
    CERTIFICATES_QUEUE_URL: engine.url,
    CERTIFICATES_NOTIFY_SECRET: secret,
    CACHE_URL: 'none:',
    ...settings,
  })
  return {
    url: engine.url,
    async start() {
      const logger = createLogger({ service: 'certificates', level: 'silent' })
      const app = await createCertificatesApp(config, { logger })
      const close = () => app.close()
      t.after(close)
      const call = createCaller(app)
      return {
        close,
        async addCertificates(count: number): Promise<string[]> {
          const { headers } = await call('POST', '/users', ada)
          const paths: string[] = []
          while (paths.length < count) {
            const added = await call('POST', `${String(headers.location)}/certificates`, opaque)
            paths.push(String(added.headers.location))
          }
          return paths
        },
        async change(path: string, active: boolean): Promise<void> {
          assert.equal((await call('PATCH', path, { active, notify: true })).statusCode, 202)
        },
        async statuses(paths: readonly string[]): Promise<string[]> {
          const logs = await Promise.all(paths.map((path) => call('GET', `${path}/notifications`)))
          return logs.flatMap((log) => log.json().map(({ status }: { status: string }) => status))
        },
      }
    },
  }
}

/** A delivery may be repeated, next to the first one. */
function withoutRepetitions(states: readonly boolean[]): boolean[] {
  return states.filter((state, i) => i === 0 || state !== states[i - 1])
}
