import { openMongo } from '@quintet/chassis/mongodb'
import { createAfterwards } from './afterwards.ts'
import { createMongoAnswers } from './mongodb-answers.ts'
import { collectionsOf } from './mongodb-documents.ts'
import { createMongoEnds } from './mongodb-ends.ts'
import { createMongoGuids } from './mongodb-guids.ts'
import { refuseOutdated } from './mongodb-migrations.ts'
import { createMongoOperations } from './mongodb-operations.ts'
import { createMongoOutbox } from './mongodb-outbox.ts'
import { createMongoSettling } from './mongodb-settling.ts'
import type { Storage } from './storage.ts'

/** What MongoDB keeps for the service; `afterwards` is for tests, in which those who made a change die right after it. */
export function openMongoStorage(url: string, afterwards = createAfterwards()): Storage {
  const link = openMongo(url, { check: refuseOutdated })
  const collections = collectionsOf(link)
  return {
    // Others may write at any time.
    isSole: () => false,
    ping: link.ping,
    outbox: createMongoOutbox({ link, collections }),

    createStores({ cache, clock, backlogMax, wake }) {
      const base = { link, collections, clock }
      const answers = createMongoAnswers({ ...base, afterwards })
      const ends = createMongoEnds(base)
      const guids = createMongoGuids({ ...base, answers, ends, afterwards, cache, wake })
      const operations = createMongoOperations({ ...base, answers, ends, backlogMax, wake })
      return { guids, operations, answers, sweeps: createMongoSettling({ ...base, answers, ends }) }
    },

    async close() {
      await afterwards.done()
      await link.close()
    },
  }
}
