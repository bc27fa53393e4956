import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { openQueue } from '@quintet/chassis/queue'
import { isAppError, testQueue } from './queue-contract.ts'
import type { QueueWorld } from './queue-contract.ts'
import { engineUrl, until } from './testing.ts'

const url = engineUrl('kafka')

if (url !== undefined) {
  testQueue('kafka', (t) => createWorld(t, url), ['order', 'streams'])
}

/** Topics whose names begin in a way of their own, and are gone after the test. */
function createWorld(t: TestContext, url: string): QueueWorld {
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
      const queue = await openQueue(own)
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

test('kafka: a URL that is wrong is told with all its faults, and without its password', async (t: TestContext) => {
  const told = await openQueue('kafka://ada:secret@host:x/pre fix?partitions=0&sasl=magic&color=red').catch(
    String,
  )
  for (const fault of [/"host:x"/, /prefix/, /partitions/, /sasl/, /"color"/])
    t.assert.match(String(told), fault)
  t.assert.doesNotMatch(String(told), /secret/)
})

test('kafka: brokers that are not there are told soon, and by nothing that has their password', async (t: TestContext) => {
  const queue = await openQueue('kafka://ada:secret@127.0.0.1:1')
  t.after(() => queue.close())
  const message = { id: 'a', key: '', body: 'a' }
  for (const work of [
    () => queue.publish('work', message),
    () => queue.append('log', [message]),
    queue.ping,
  ]) {
    const startedAt = performance.now()
    const told = await work().then(String, (error: unknown) => error)
    t.assert.ok(isAppError('dependency_down')(told))
    t.assert.doesNotMatch(String(told), /secret/)
    t.assert.ok(performance.now() - startedAt < 4_000)
  }
})

test('kafka: publishing once is refused with words, since no broker remembers keys', async (t: TestContext) => {
  const queue = await openQueue('kafka://127.0.0.1:1')
  t.after(() => queue.close())
  const once = { key: 'k', forMs: 1_000 }
  await t.assert.rejects(
    queue.publish('work', { id: 'a', key: '', body: 'a' }, { once }),
    /does not remember/,
  )
})
