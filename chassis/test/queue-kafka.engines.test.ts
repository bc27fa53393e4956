import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import { Admin } from '@platformatic/kafka'
import { openStreamQueue } from '@quintet/chassis/queue'
import type { EventStream, Queue } from '@quintet/chassis/queue'
import { openTcpProxy } from '@quintet/chassis/testing/proxy'
import { testDeadLetters } from './queue-contract/dead-letters.ts'
import { testEventStream } from './queue-contract/event-stream.ts'
import { testQueueAdmin } from './queue-contract/queue-admin.ts'
import { testKeyedQueue } from './queue-contract/work-queue.ts'
import { isAppError, message } from './queue-contract/world.ts'
import type { World } from './queue-contract/world.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('kafka')

if (url !== undefined) {
  testKeyedQueue('kafka', (t) => createWorld(t, url), ['sharing'])
  testEventStream('kafka', (t) => createWorld(t, url), { retention: false })
  testQueueAdmin('kafka', (t) => createWorld(t, url))
  testDeadLetters('kafka', (t) => createWorld(t, url))

  test('kafka: a consumer remains a member of its group while its broker is down and then responds slowly, as at its start', async (t: TestContext) => {
    const { proxy, queue, members } = await openBehindProxy(t)
    const handled: string[] = []
    queue.consume('work', async ({ id }) => void handled.push(id))
    const handles = async (id: string) => {
      const publish = () =>
        queue.publish('work', message(id, 'k')).then(
          () => true,
          () => false,
        )
      await until(publish)
      await until(() => handled.includes(id))
    }
    await handles('a')
    const before = await members()
    proxy.refuse()
    await pause(2_000)
    await proxy.pass()
    // Longer than a connection may be silent.
    proxy.delay(700)
    await pause(4_000)
    proxy.delay(0)
    await handles('b')
    t.assert.deepEqual(await members(), before)
  })

  test('kafka: while brokers do not respond requests are refused at once, and soon after their return they succeed', async (t: TestContext) => {
    const { proxy, queue } = await openBehindProxy(t)
    await queue.publish('work', message('a', 'k'))
    proxy.swallow()
    await until(async () => {
      const startedAt = performance.now()
      await queue.publish('work', message('b', 'k')).catch(() => {})
      return performance.now() - startedAt < 50
    })
    await proxy.pass()
    await until(() =>
      queue.depth('work').then(
        () => true,
        () => false,
      ),
    )
    const startedAt = performance.now()
    await queue.publish('work', message('c', 'k'))
    // On a connection from before it would take 2 s to find out that it is half-open.
    t.assert.ok(performance.now() - startedAt < 1_500)
  })
}

/** A broker of its own behind a proxy, a queue on it, and the members of the queue's group. */
async function openBehindProxy(t: TestContext) {
  const proxy = await openTcpProxy()
  const engine = await startPrivateEngine('kafka', { advertisedPort: proxy.port })
  proxy.forwardTo(engine.url)
  const through = proxy.through(engine.url)
  const queue = await openStreamQueue(through)
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [new URL(through).host] })
  t.after(async () => {
    await queue.close()
    await admin.close()
    proxy.close()
    await engine.dispose()
  })
  return {
    proxy,
    queue,
    async members() {
      const group = (await admin.describeGroups({ groups: ['quintet.work'] })).get('quintet.work')
      return [...(group?.members.keys() ?? [])]
    },
  }
}

/** Topics with a prefix of their own, which are deleted after the test. */
function createWorld(t: TestContext, url: string): World<Queue & EventStream> {
  const prefix = `test-${randomBytes(6).toString('hex')}.`
  const { host } = new URL(url)
  const own = `kafka://${host}/${prefix}?partitions=4`
  const closing: (() => Promise<void>)[] = []
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [host] })
  t.after(async () => {
    await Promise.all(closing.map((close) => close()))
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
    if (topics.length > 0) await admin.deleteTopics({ topics })
    await admin.close()
  })
  return {
    url: own,
    pass: (ms) => pause(ms),
    async open() {
      const queue = await openStreamQueue(own)
      closing.push(() => queue.close())
      return queue
    },
    async shared(consumers) {
      const name = `quintet.${prefix}work`
      await until(async () => {
        const group = (await admin.describeGroups({ groups: [name] })).get(name)
        return /^stable$/i.test(group?.state ?? '') && group?.members.size === consumers
      })
    },
  }
}

test('kafka: unavailable brokers are reported within 4 s, without the password', async (t: TestContext) => {
  const queue = await openStreamQueue('kafka://ada:secret@127.0.0.1:1')
  t.after(() => queue.close())
  for (const work of [
    () => queue.publish('work', message('a', '')),
    () => queue.append('log', [message('a', '')]),
    queue.ping,
  ]) {
    const startedAt = performance.now()
    const error = await work().then(String, (cause: unknown) => cause)
    t.assert.ok(isAppError('dependency_down')(error))
    t.assert.doesNotMatch(String(error), /secret/)
    t.assert.ok(performance.now() - startedAt < 4_000)
  }
})
