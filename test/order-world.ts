import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { billingQueue } from '@quintet/contracts'
import { services } from '../topology.ts'
import { dataFolder } from './system/processes.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

/** Billing and a gateway over one queue. */
export async function createOrderWorld(t: TestContext) {
  const folder = dataFolder(t)
  const file = join(folder, 'billing.db')
  const settings = {
    DATA_DIR: folder,
    QUEUE_URL: `sqlite:${join(folder, 'queue.db')}`,
    BILLING_DATABASE_URL: `sqlite:${file}`,
  }
  const billing = await services.billing.createApp(settingsOf(settings), { logger })
  t.after(() => billing.close())
  const BILLING_URL = await listen(billing, { host: '127.0.0.1', port: 0 })
  const gateway = await services.gateway.createApp(settingsOf({ ...settings, BILLING_URL }), { logger })
  t.after(() => gateway.close())
  await gateway.ready()
  const queue = await openQueue(settings.QUEUE_URL, { queues: [billingQueue] })
  t.after(() => queue.close())
  return {
    gateway,
    /** Posts an order, and gives the id of its message. */
    async post(): Promise<string> {
      const payload = { user_id: '3', number_of_items: '5', total_amount: '180' }
      const response = await gateway.inject({ method: 'POST', url: '/api/billing', payload })
      assert.equal(response.statusCode, 200, response.body)
      return response.json().message_id
    },
    /** Whether it is stored, and its message is not in the queue any more. */
    async isDone(id: string): Promise<boolean> {
      const { body } = await billing.inject(`/orders/by-message/${id}`)
      return body.includes('"stored"') && (await queue.depth(billingQueue)) === 0
    },
    /** Removes the order of a message and the message from the database, as nobody may. */
    lose(id: string): void {
      const database = new DatabaseSync(file, { timeout: 5_000 })
      database.exec('pragma foreign_keys = off')
      database
        .prepare('delete from orders where id = (select order_id from inbox where message_id = ?)')
        .run(id)
      database.prepare('delete from inbox where message_id = ?').run(id)
      database.close()
    },
  }
}
