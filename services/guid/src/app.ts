import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { openDatabase, startSweeper } from '@quintet/chassis/database'
import { createApp, createIdempotency, createSqlAnswers } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createOutboxRelay, openQueue, wakeAfterCommit } from '@quintet/chassis/queue'
import {
  createLogger,
  createMetrics,
  exportCacheMetrics,
  exportQueueMetrics,
} from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import type { GuidConfig } from './config.ts'
import { createCommandHandler } from './consumer.ts'
import { guidRoutes, quickGuid } from './routes.ts'
import { createSqlGuids } from './sql-guids.ts'
import type { GuidTables } from './sql-guids.ts'
import { createSqlOperations } from './sql-operations.ts'
import { commandsQueue, eventsStream } from './store.ts'

/** The guid service, whole: everything that it opens is opened here and closed with it. */
export async function createGuidApp(config: GuidConfig, parts: Partial<GuidParts> = {}): Promise<App> {
  const { clock = systemClock, logger = createLogger({ service: 'guid', level: config.LOG_LEVEL }) } = parts
  const metrics = createMetrics('guid')
  const [storage, queue] = await Promise.all([
    openDatabase<GuidTables>(config.GUID_DATABASE_URL, { migrations }),
    openQueue(config.EVENTS_URL, { clock }),
  ])
  const cache = await openCache(config.CACHE_URL, { clock, namespace: 'guid', trusted: storage.isSole })
  const relay = createOutboxRelay({
    database: storage,
    queue,
    clock,
    streams: { [eventsStream]: eventsKept },
  })
  const database = wakeAfterCommit(storage, relay)
  const guids = createSqlGuids({ database, cache, clock })
  const operations = createSqlOperations({ database, clock, backlogMax: config.GUID_BACKLOG_MAX })
  const idempotency = createIdempotency({ answers: createSqlAnswers(database), clock, detailAlias: 'error' })
  const app = await createApp({
    name: 'guid',
    title: 'GUID registry',
    description: 'Registers GUIDs that expire, exactly.',
    logger,
    metrics,
    detailAlias: 'error',
    dependencies: { database: database.ping, queue: queue.ping, ...(cache.ping && { cache: cache.ping }) },
    quick: quickGuid(guids),
  })
  exportCacheMetrics(metrics.registry, cache)
  exportQueueMetrics(metrics.registry, queue, commandsQueue)
  guidRoutes(app, { guids, operations, idempotency, clock, guidVersion: config.GUID_VERSION })
  const consumer = queue.consume(commandsQueue, createCommandHandler({ guids, operations, clock }))
  const sweeper = startSweeper([guids.sweep, operations.sweep, idempotency.sweep], logger)
  app.addHook('onClose', async () => {
    await sweeper.stop()
    await consumer.stop()
    await relay.stop()
    await queue.close()
    await cache.close()
    await database.close()
  })
  return app
}

type GuidParts = { clock: Clock; logger: Logger }

const migrations = new URL('../migrations/', import.meta.url)

/** Nobody is obliged to take the events, so the newest ones are kept and the oldest give way. */
const eventsKept = { keptMax: 100_000 }
