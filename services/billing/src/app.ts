import { readSharedKey } from '@quintet/chassis/files'
import { openDatabase } from '@quintet/chassis/database'
import { closeWithApp, createApp } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import {
  createMessageAudit,
  exportQueueMetrics,
  openQueue,
  storesPublicationKeys,
} from '@quintet/chassis/queue'
import { partsOf } from '@quintet/chassis/resource'
import type { ServiceParts } from '@quintet/chassis/resource'
import { billingQueue, orderIdKeyFile } from '@quintet/contracts'
import { documentationOfSystem, topology } from '@quintet/contracts/topology'
import type { BillingConfig } from './config.ts'
import { createOrderHandler } from './consumer.ts'
import { createOrderStatus } from './order-status.ts'
import { createOrderStore } from './order-store.ts'
import type { OrderTables } from './order-store.ts'
import { billingPromises } from './promises.ts'
import { billingRoutes } from './routes.ts'

const migrations = new URL('../migrations/', import.meta.url)

/** Large batches drain a backlog with few waits for the disk; short leases keep a crash from delaying messages for long. */
const consuming = { concurrency: 4, batchMax: 250, prefetch: 1_000, attemptsMax: 5, leaseMs: 5_000 }

/** The composition root of billing: it closes everything that it opens. */
export async function createBillingApp(
  config: BillingConfig,
  given: Partial<ServiceParts> = {},
): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const parts = partsOf('billing', config, given)
  const { clock, logger, metrics, tracer } = parts
  const database = await openDatabase<OrderTables>(config.BILLING_DATABASE_URL, { migrations, metrics })
  opened.defer(database.close)
  const queue = await openQueue(config.QUEUE_URL, { clock, logger, tracer, measured: { metrics } })
  opened.defer(queue.close)
  const orders = createOrderStore(database)
  const app = await createApp({
    name: 'billing',
    bodyBytesMax: topology.billing.bodyBytesMax,
    scopes: topology.billing.scopes,
    title: 'Billing',
    description: 'Makes one order of each message of its queue.',
    detailAlias: 'message',
    dependencies: { database: database.ping, queue: queue.ping },
    relatedPages: documentationOfSystem(config.GATEWAY_PORT),
    promises: billingPromises({ database, orders, queue }),
    ...parts,
  })
  exportQueueMetrics(metrics.registry, queue, billingQueue)
  const idKey = storesPublicationKeys(config.QUEUE_URL)
    ? undefined
    : readSharedKey(config.ORDER_ID_KEY, orderIdKeyFile(config), logger)
  billingRoutes(app, { orders, statusOf: createOrderStatus({ orders, queue, idKey }) })
  const stopping = new AbortController()
  const handler = createOrderHandler({
    orders,
    logger,
    attemptsMax: consuming.attemptsMax,
    stopping: stopping.signal,
    audited: createMessageAudit(app.audit, { queue: billingQueue, logger, stopping: stopping.signal }),
  })
  opened.defer(queue.consumeBatches(billingQueue, handler, consuming).stop)
  opened.defer(() => stopping.abort())
  closeWithApp(app, opened)
  return app
}
