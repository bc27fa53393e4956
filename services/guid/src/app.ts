import { exportCacheMetrics, openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createApp, createIdempotency } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createRelay, exportOutboxMetrics } from '@quintet/chassis/outbox'
import { exportQueueMetrics, openStreamQueue } from '@quintet/chassis/queue'
import type { Message } from '@quintet/chassis/queue'
import { startSweeper } from '@quintet/chassis/sweeper'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { createBoundedOperationStore } from './bounded-operation-store.ts'
import { createCachedGuidStore } from './cached-guid-store.ts'
import type { GuidConfig } from './config.ts'
import { createCommandHandler } from './consumer.ts'
import { commandsQueue, eventsStream } from './port.ts'
import { guidRoutes } from './routes.ts'
import { openStorage } from './storage.ts'

/** The guid service: everything that it uses is opened here and closed with it. */
export async function createGuidApp(config: GuidConfig, parts: Partial<GuidParts> = {}): Promise<App> {
  const { clock = systemClock, logger = createLogger({ service: 'guid', level: config.LOG_LEVEL }) } = parts
  const metrics = createMetrics('guid')
  const [storage, queue] = await Promise.all([
    openStorage(config.GUID_DATABASE_URL),
    openStreamQueue(config.EVENTS_URL, { clock }),
  ])
  const cache = await openCache(config.CACHE_URL, {
    clock,
    namespace: 'guid',
    singleProcess: storage.isSingleProcess,
  })
  const appendEvents = (events: readonly Message[]) => queue.append(eventsStream, events, eventRetention)
  const relay = createRelay({
    outbox: storage.outbox,
    queue,
    clock,
    streams: { [eventsStream]: appendEvents },
  })
  const { wake } = relay
  const { idempotencyStore, sweeps, ...stores } = storage.createStores(clock)
  const guids = createCachedGuidStore({ store: stores.guids, cache, wake })
  const operations = createBoundedOperationStore({
    store: stores.operations,
    clock,
    pendingMax: config.GUID_BACKLOG_MAX,
    wake,
  })
  const idempotency = createIdempotency({ store: idempotencyStore, clock, detailAlias: 'error' })
  const app = await createApp({
    name: 'guid',
    title: 'GUID registry',
    description: 'Registers GUIDs that expire at an exact second.',
    logger,
    metrics,
    detailAlias: 'error',
    dependencies: { database: storage.ping, queue: queue.ping, ...(cache.ping && { cache: cache.ping }) },
  })
  exportCacheMetrics(metrics.registry, cache)
  exportQueueMetrics(metrics.registry, queue, commandsQueue)
  exportOutboxMetrics(metrics.registry, relay)
  guidRoutes(app, { guids, operations, idempotency, clock, guidVersion: config.GUID_VERSION })
  const consumer = queue.consume(commandsQueue, createCommandHandler({ guids, operations, clock }))
  const sweeper = startSweeper([guids.sweep, operations.sweep, idempotency.sweep, ...sweeps], logger)
  app.addHook('onClose', async () => {
    await sweeper.stop()
    await consumer.stop()
    await relay.stop()
    await queue.close()
    await cache.close()
    await storage.close()
  })
  return app
}

type GuidParts = { clock: Clock; logger: Logger }

/** The stream may have no reader, so it keeps only the newest events. */
const eventRetention = { keptMax: 100_000 }
