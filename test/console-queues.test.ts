import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { createApp } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { createQueueLook } from '../console/src/queue-look.ts'
import { addQueues } from '../console/src/queues.ts'
import { services } from '../topology.ts'
import { dataFolder } from './system/processes.ts'

const order = { user_id: '3', number_of_items: '5', total_amount: '180' }

/** Billing on embedded storage, and the queues of a console beside it. */
async function createWorld(t: TestContext) {
  const DATA_DIR = dataFolder(t)
  const QUEUE_URL = `sqlite:${join(DATA_DIR, 'queue.db')}`
  const logger = createLogger({ service: 'test', level: 'silent' })
  const queue = await openQueue(QUEUE_URL)
  t.after(() => queue.close())
  const BILLING_DATABASE_URL = `sqlite:${join(DATA_DIR, 'billing.db')}`
  const billing = await services.billing.createApp(
    settingsOf({ DATA_DIR, QUEUE_URL, BILLING_DATABASE_URL }),
    {
      logger,
    },
  )
  t.after(() => billing.close())
  const app = await createApp({ name: 'console', title: 'Console', description: 'For tests.', logger })
  t.after(() => app.close())
  const queues = [{ name: 'billing_queue', service: 'billing' }] as const
  const broker = { kind: 'sqlite', url: QUEUE_URL, admin: queue, queues }
  const brokers = async () => [broker]
  addQueues(app, {
    ...{ clock: systemClock, brokers, lookAtQueues: createQueueLook({ brokers, logger }) },
    ratesOf: () => ({ published: null, done: null, failed: null }),
    act: async (_request, _action, work) => (await work()).value,
    history: {
      addEvent: async () => {},
      events: async () => [],
      addAction: async () => {},
      actions: async () => [],
    },
  })
  return {
    queue,
    orders: async () => (await billing.inject('/orders')).json(),
    get: async (url: string) => (await app.inject(`/api/queues/${url}`)).json(),
    post: async (url: string, payload: object) =>
      (await app.inject({ method: 'POST', url: `/api/queues/${url}`, payload })).json(),
    /** What somebody at the tools of the database does. */
    byHand(text: string) {
      const database = new DatabaseSync(join(DATA_DIR, 'billing.db'))
      database.exec(text)
      database.close()
    },
  }
}

test('A poison order is found by its reason and replayed: dead again is told, and done once its cause is mended', async (t) => {
  const { queue, orders, get, post, byHand } = await createWorld(t)
  const publish = async (id: string, total_amount: string) => {
    await queue.publish('billing_queue', { id, key: '', body: JSON.stringify({ ...order, total_amount }) })
    await until(async () => (await queue.depth('billing_queue')) === 0)
  }
  await publish('m', '180')
  await publish('m', '200')
  const [{ reason, count }] = (await post('billing_queue.dead/reasons', {})).data
  assert.deepEqual([reason, count], ['Order 1 has the id of this message, and another content.', 1])
  const replay = async () => {
    const { id } = await post('billing_queue.dead/replay', { reason, expect: 1 })
    await until(async () => (await get(`moves/${id}`)).isOver)
    return get(`moves/${id}`)
  }
  const again = await replay()
  assert.equal(again.outcome, '1 put back: 1 dead again (same reason)')
  assert.deepEqual(again.reasons, { [reason]: 1 })
  byHand('delete from inbox; delete from orders')
  assert.equal((await replay()).outcome, '1 put back: 1 done')
  assert.deepEqual(
    (await orders()).map(({ total_amount }: { total_amount: string }) => total_amount),
    ['200'],
  )
})
