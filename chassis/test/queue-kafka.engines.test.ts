import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { openStreamQueue } from '@quintet/chassis/queue'
import type { EventStream, Queue } from '@quintet/chassis/queue'
import { testEventStream } from './queue-contract/event-stream.ts'
import { testQueueAdmin } from './queue-contract/queue-admin.ts'
import { testKeyedQueue } from './queue-contract/work-queue.ts'
import { isAppError } from './queue-contract/world.ts'
import type { World } from './queue-contract/world.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('kafka')

if (url !== undefined) {
  testKeyedQueue('kafka', (t) => createWorld(t, url), [])
  testEventStream('kafka', (t) => createWorld(t, url), { retention: false })
  testQueueAdmin('kafka', (t) => createWorld(t, url))
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
  const message = { id: 'a', key: '', body: 'a' }
  for (const work of [
    () => queue.publish('work', message),
    () => queue.append('log', [message]),
    queue.ping,
  ]) {
    const startedAt = performance.now()
    const error = await work().then(String, (cause: unknown) => cause)
    t.assert.ok(isAppError('dependency_down')(error))
    t.assert.doesNotMatch(String(error), /secret/)
    t.assert.ok(performance.now() - startedAt < 4_000)
  }
})
