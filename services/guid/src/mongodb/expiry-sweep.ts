import type { Sweep } from '@quintet/chassis/sweeper'
import { nowSeconds } from '../guid.ts'
import { expiredEvent, inChunks, outboxEvent } from './documents.ts'
import type { GuidDocument, MongoContext } from './documents.ts'

/** Makes tombstones of expired GUIDs, each on the condition that nobody has changed it, its expiry included, meanwhile. */
export function createExpirySweep({ connection, collections: { guids }, clock }: MongoContext): Sweep {
  const readExpired = (limit: number) =>
    connection.read((options) =>
      guids
        .find({ expire: { $gt: 0, $lte: nowSeconds(clock) } }, options)
        .sort({ expire: 1, _id: 1 })
        .limit(limit)
        .toArray(),
    )

  return async (limit) => {
    const expired = await readExpired(limit)
    const at = clock.now()
    let swept = 0
    for (const chunk of inChunks(expired)) {
      const changes = chunk.map((document) => expiryOf(document, at))
      const { matchedCount } = await connection.write((options) =>
        guids.bulkWrite(changes, { ...options, ordered: false }),
      )
      swept += matchedCount
    }
    return swept
  }
}

function expiryOf(document: GuidDocument, at: number) {
  return {
    updateOne: {
      filter: { _id: document._id, revision: document.revision },
      update: {
        $set: { user: '', owner: null, expire: 0, deadSince: at },
        $inc: { revision: 1 },
        $push: { outbox: outboxEvent(expiredEvent(document), at) },
        $min: { due: at },
      },
    },
  }
}
