import { exportCacheMetrics, openCache } from '@quintet/chassis/cache'
import { durationClockOf } from '@quintet/chassis/clock'
import { closeWithApp, createApp, createIdempotency } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createRelay, exportOutboxMetrics } from '@quintet/chassis/outbox'
import { createMessageAudit, exportQueueMetrics, openStreamQueue } from '@quintet/chassis/queue'
import type { Message } from '@quintet/chassis/queue'
import { partsOf } from '@quintet/chassis/resource'
import type { ServiceParts } from '@quintet/chassis/resource'
import { startSweeper } from '@quintet/chassis/sweeper'
import { documentationOfSystem, topology } from '@quintet/contracts/topology'
import { createBoundedOperationStore } from './bounded-operation-store.ts'
import { createCachedGuidStore } from './cached-guid-store.ts'
import type { GuidConfig } from './config.ts'
import { createCommandHandler } from './consumer.ts'
import { commandsQueue, eventsStream } from './port.ts'
import { guidPromises } from './promises.ts'
import { guidRoutes } from './routes.ts'
import { openStorage } from './storage.ts'

const detailAlias = 'error'
/** The stream may have no reader, so it keeps only the newest events. */
const eventRetention = { keptMax: 100_000 }

/** The guid service: everything that it uses is opened here and closed with it. */
export async function createGuidApp(config: GuidConfig, given: Partial<ServiceParts> = {}): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const parts = partsOf('guid', config, given)
  const { clock, logger, metrics, tracer } = parts
  const storage = await openStorage(config.GUID_DATABASE_URL, metrics)
  opened.defer(storage.close)
  const { engineClock, readEngineClock, idempotencyStore, sweeps, ...stores } = storage.createStores(clock)
  const queue = await openStreamQueue(config.EVENTS_URL, {
    ...{ clock, logger, tracer },
    measured: { metrics, publishesTo: [commandsQueue, eventsStream] },
  })
  opened.defer(queue.close)
  const cache = await openCache(config.CACHE_URL, {
    clock: engineClock,
    durations: durationClockOf(clock),
    namespace: 'guid',
    arbiter: storage.arbiter,
    singleProcess: storage.isSingleProcess,
  })
  opened.defer(cache.close)
  const appendEvents = (events: readonly Message[]) => queue.append(eventsStream, events, eventRetention)
  const relay = createRelay({
    outbox: storage.outbox,
    queue,
    clock,
    logger,
    streams: { [eventsStream]: appendEvents },
  })
  opened.defer(relay.stop)
  const { wake } = relay
  const guids = createCachedGuidStore({ store: stores.guids, cache, engineClock, wake })
  const operations = createBoundedOperationStore({
    store: stores.operations,
    clock,
    pendingMax: config.GUID_BACKLOG_MAX,
    wake,
  })
  const idempotency = createIdempotency({ store: idempotencyStore, clock, detailAlias })
  const app = await createApp({
    name: 'guid',
    bodyBytesMax: topology.guid.bodyBytesMax,
    scopes: topology.guid.scopes,
    title: 'GUID registry',
    description: 'Registers GUIDs that expire at an exact second.',
    detailAlias,
    dependencies: { database: storage.ping, queue: queue.ping, ...(cache.ping && { cache: cache.ping }) },
    relatedPages: documentationOfSystem(config.GATEWAY_PORT),
    promises: guidPromises({
      ...{ guids, store: stores.guids, readEngineClock },
      ...{ outbox: storage.outbox, queue, clock },
    }),
    ...parts,
  })
  exportCacheMetrics(metrics.registry, cache)
  exportQueueMetrics(metrics.registry, queue, commandsQueue)
  exportOutboxMetrics(metrics.registry, relay)
  guidRoutes(app, {
    guids,
    operations,
    idempotency,
    clock,
    engineClock,
    queue,
    guidVersion: config.GUID_VERSION,
  })
  const stopping = new AbortController()
  const handler = createCommandHandler({ guids, operations, engineClock, logger, stopping: stopping.signal })
  const audited = createMessageAudit(app.audit, { queue: commandsQueue, logger, stopping: stopping.signal })
  const consumer = queue.consume(commandsQueue, (command) => audited(command, () => handler(command)))
  opened.defer(consumer.stop)
  opened.defer(() => stopping.abort())
  opened.defer(startSweeper([guids.sweep, operations.sweep, idempotency.sweep, ...sweeps], logger).stop)
  closeWithApp(app, opened)
  return app
}
