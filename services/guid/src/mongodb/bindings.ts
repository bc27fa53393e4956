import { DuplicateRequest, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import type { BindingDocument, MongoContext } from './documents.ts'

const attemptsMax = 5

export type Bindings = ReturnType<typeof createBindings>

/** The bindings of idempotency keys to their responses. */
export function createBindings({ connection, collections: { idempotency } }: MongoContext) {
  const read = (id: string) =>
    connection.readLinearizable((options) => idempotency.findOne({ _id: id }, options))

  return {
    read,

    /** Inserts a binding where the key has none, or an expired one; rejects with `DuplicateRequest` otherwise. */
    async insert(binding: BindingDocument): Promise<void> {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        if (await connection.insert((options) => idempotency.insertOne(binding, options))) return
        const existing = await read(binding._id)
        if (existing === undefined) continue
        if (existing.createdAt > binding.createdAt - idempotencyRetentionMs) throw new DuplicateRequest()
        const { matchedCount } = await connection.write((options) =>
          idempotency.replaceOne({ _id: binding._id, token: existing.token }, binding, options),
        )
        if (matchedCount > 0) return
      }
      throw new DuplicateRequest()
    },

    /** Removes a binding that has no response yet; false when it has one, or is no longer there. */
    async release({ id, token }: { id: string; token: string }): Promise<boolean> {
      const { deletedCount } = await connection.write((options) =>
        idempotency.deleteOne({ _id: id, token, answer: { $exists: false } }, options),
      )
      return deletedCount > 0
    },

    /** Removes at most `limit` bindings that were made at `time` or before; resolves to their number. */
    async removeOlder(time: number, limit: number): Promise<number> {
      const expired = { createdAt: { $lte: time } }
      const found = await connection.read((options) =>
        idempotency
          .find(expired, { ...options, projection: { _id: 1 } })
          .limit(limit)
          .toArray(),
      )
      if (found.length === 0) return 0
      const ids = found.map(({ _id }) => _id)
      const { deletedCount } = await connection.write((options) =>
        idempotency.deleteMany({ _id: { $in: ids }, ...expired }, options),
      )
      return deletedCount
    },
  }
}
