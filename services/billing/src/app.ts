import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { openDatabase } from '@quintet/chassis/database'
import { createApp } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { exportQueueMetrics } from '@quintet/chassis/queue'
import type { Logger } from '@quintet/chassis/telemetry'
import { billingQueue } from '@quintet/contracts'
import type { BillingConfig } from './config.ts'
import { createOrderHandler } from './consumer.ts'
import { createOrderStore } from './order-store.ts'
import type { OrderTables } from './order-store.ts'
import { billingRoutes } from './routes.ts'

/** The billing service, whole: everything that it opens is opened here and closed with it. */
export async function createBillingApp(
  config: BillingConfig,
  parts: Partial<BillingParts> = {},
): Promise<App> {
  const { clock = systemClock } = parts
  const { logger = createLogger({ service: 'billing', level: config.LOG_LEVEL }) } = parts
  const metrics = createMetrics('billing')
  const [database, queue] = await Promise.all([
    openDatabase<OrderTables>(config.BILLING_DATABASE_URL, { migrations }),
    openQueue(config.QUEUE_URL, { clock }),
  ])
  const orders = createOrderStore(database)
  const app = await createApp({
    name: 'billing',
    title: 'Billing',
    description: 'Makes one order of each message of its queue.',
    logger,
    metrics,
    detailAlias: 'message',
    dependencies: { database: database.ping, queue: queue.ping },
  })
  exportQueueMetrics(metrics.registry, queue, billingQueue)
  billingRoutes(app, orders)
  const stopping = new AbortController()
  const handler = createOrderHandler({ orders, logger, stopping: stopping.signal })
  const consumer = queue.consumeBatches(billingQueue, handler, consuming)
  app.addHook('onClose', async () => {
    stopping.abort()
    await consumer.stop()
    await queue.close()
    await database.close()
  })
  return app
}

type BillingParts = { clock: Clock; logger: Logger }

const migrations = new URL('../migrations/', import.meta.url)

/** Batches are large so that a backlog is drained with few waits for the disk, and leases short so that a crash is soon over. */
const consuming = { concurrency: 4, batchMax: 250, prefetch: 1_000, attemptsMax: 5, leaseMs: 5_000 }
