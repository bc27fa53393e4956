import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openQueue } from '@quintet/chassis/queue'
import { createQueueLook } from '../src/queue-look.ts'
import type { Broker } from '../src/parts.ts'
import { logger } from './scraping-world.ts'

async function world(t: TestContext, admin: Partial<Broker['admin']> = {}) {
  const queue = await openQueue('sqlite::memory:', { queues: ['billing_queue'] })
  t.after(() => queue.close())
  const broker: Broker = {
    ...{ kind: 'sqlite', url: 'sqlite:data/queue.db', admin: { ...queue, ...admin } },
    queues: [{ name: 'billing_queue', service: 'billing' }],
  }
  return { queue, broker, look: createQueueLook({ brokers: async () => [broker], logger }) }
}

const known = { name: 'billing_queue', service: 'billing', broker: 'sqlite', url: 'sqlite:data/queue.db' }
const unknownFigures = { live: null, dead: null, oldestAgeMs: null }

test('A queue has its live messages and its dead letters, and none before the first message', async (t) => {
  const { queue, look, broker } = await world(t)
  assert.deepEqual(await look(), [{ ...known, live: 0, dead: 0, oldestAgeMs: 0, fault: null }])
  const message = { key: '', body: '{}' } as const
  await queue.publish('billing_queue', { ...message, id: 'one' })
  await queue.publish('billing_queue', { ...message, id: 'two' })
  await queue.publish('billing_queue.dead', { ...message, id: 'three' })
  const again = createQueueLook({ brokers: async () => [broker], logger })
  const [{ oldestAgeMs, ...found } = unknownFigures] = await again()
  assert.deepEqual(found, { ...known, live: 2, dead: 1, fault: null })
  assert.ok(oldestAgeMs !== null && oldestAgeMs >= 0)
})

test('Of a broker that is away it is said why, and nothing else is known', async (t) => {
  const { queue, look } = await world(t)
  await queue.close()
  assert.deepEqual(await look(), [{ ...known, ...unknownFigures, fault: 'The database cannot be read.' }])
})

test('A broker that does not respond is waited for only so long, and has no second look before the first is over', async (t) => {
  let looks = 0
  const { look } = await world(t, {
    queues() {
      looks += 1
      return new Promise(() => {})
    },
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (let i = 0; i < 2; i += 1) {
    const found = look()
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(2_000)
    assert.deepEqual(await found, [
      { ...known, ...unknownFigures, fault: 'The broker has not responded within 2 s.' },
    ])
  }
  assert.equal(looks, 1)
})
