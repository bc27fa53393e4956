import { openMongoConnection } from './connection.ts'
import { createBackgroundTasks } from '../background-tasks.ts'
import { createMongoIdempotencyStore } from './idempotency-store.ts'
import { collectionsOf } from './documents.ts'
import { createOperationCompletion } from './operation-completion.ts'
import { createMongoGuidStore } from './guid-store.ts'
import { checkMigrations } from './migrations.ts'
import { createMongoOperationStore } from './operation-store.ts'
import { createMongoOutbox } from './outbox.ts'
import { createMongoRecovery } from './recovery.ts'
import type { Storage } from '../port.ts'

/** What MongoDB keeps for the service; `afterwards` is for tests, in which those who made a change die right after it. */
export function openMongoStorage(url: string, backgroundTasks = createBackgroundTasks()): Storage {
  const link = openMongoConnection(url, { check: checkMigrations })
  const collections = collectionsOf(link)
  return {
    // Others may write at any time.
    isSingleProcess: () => false,
    ping: link.ping,
    outbox: createMongoOutbox({ link, collections }),

    createStores({ cache, clock, backlogMax, wake }) {
      const base = { link, collections, clock }
      const idempotencyStore = createMongoIdempotencyStore({ ...base, afterwards: backgroundTasks })
      const ends = createOperationCompletion(base)
      const guids = createMongoGuidStore({
        ...base,
        answers: idempotencyStore,
        ends,
        afterwards: backgroundTasks,
        cache,
        wake,
      })
      const operations = createMongoOperationStore({
        ...base,
        answers: idempotencyStore,
        ends,
        backlogMax,
        wake,
      })
      return {
        guids,
        operations,
        idempotencyStore,
        sweeps: createMongoRecovery({ ...base, answers: idempotencyStore, ends }),
      }
    },

    async close() {
      await backgroundTasks.drain()
      await link.close()
    },
  }
}
