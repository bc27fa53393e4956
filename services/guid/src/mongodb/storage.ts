import { exportOperationDurations, followEngineClock } from '@quintet/chassis/database'
import type { Metrics } from '@quintet/chassis/telemetry'
import type { Storage } from '../port.ts'
import { createMongoArbiter } from './arbiter.ts'
import { createBackgroundTasks } from './background-tasks.ts'
import { openMongoConnection } from './connection.ts'
import { collectionsOf } from './documents.ts'
import { createMongoGuidStore } from './guid-store.ts'
import { createMongoIdempotencyStore } from './idempotency-store.ts'
import { checkMigrations } from './migrations.ts'
import { createOperationCompletion } from './operation-completion.ts'
import { createMongoOperationStore } from './operation-store.ts'
import { createMongoOutbox } from './outbox.ts'
import { createMongoRecovery } from './recovery.ts'

/** The storage of the service in a MongoDB database. */
export function openMongoStorage(url: string, metrics?: Metrics): Storage {
  const durations = metrics && exportOperationDurations(metrics, 'mongodb')
  const connection = openMongoConnection(url, { check: checkMigrations, durations })
  const collections = collectionsOf(connection)
  const backgroundTasks = createBackgroundTasks()
  const opened = new AsyncDisposableStack()
  opened.defer(connection.close)
  opened.defer(backgroundTasks.drain)
  return {
    // Other processes may write at any time.
    isSingleProcess: () => false,
    arbiter: createMongoArbiter(connection),
    ping: connection.ping,
    outbox: createMongoOutbox({ connection, collections }),

    createStores(clock) {
      const engine = followEngineClock(clock, connection.serverMs)
      opened.defer(engine.stop)
      const context = { connection, collections, clock: engine.clock }
      const idempotencyStore = createMongoIdempotencyStore({ ...context, backgroundTasks })
      const completion = createOperationCompletion(context)
      const parts = { ...context, idempotencyStore, completion, backgroundTasks }
      return {
        engineClock: engine.clock,
        readEngineClock: engine.read,
        guids: createMongoGuidStore(parts),
        operations: createMongoOperationStore(parts),
        idempotencyStore,
        sweeps: createMongoRecovery(context),
      }
    },

    close: () => opened.disposeAsync(),
  }
}
