import type { Clock } from '@quintet/chassis/clock'
import type { Sweep } from '@quintet/chassis/sweeper'
import type { MongoConnection } from './connection.ts'
import type { MongoIdempotencyStore } from './idempotency-store.ts'
import { inChunks, tombstoneRetentionMs } from './documents.ts'
import type { Collections, GuidDocument } from './documents.ts'
import type { OperationCompletion } from './operation-completion.ts'

/** What a sweeper does for those who made a change and died before they had carried on what came with it. */
export function createMongoRecovery({
  link,
  collections: { guids, operations },
  answers,
  ends,
  clock,
}: {
  link: MongoConnection
  collections: Collections
  answers: MongoIdempotencyStore
  ends: OperationCompletion
  clock: Clock
}): readonly Sweep[] {
  async function settleGuid({ _id: guid, revision, kept, ended }: GuidDocument): Promise<void> {
    const now = clock.now()
    for (const entry of ended) await ends.finish(guid, entry)
    const isOver = ({ answer, createdAt }: (typeof kept)[number]) =>
      answer !== undefined || createdAt <= now - tombstoneRetentionMs
    await answers.settle({ in: 'guids', id: guid }, kept.filter(isOver))
    const barriers = kept.filter((entry) => !isOver(entry))
    if (barriers.length === 0) return
    // They stand until nobody can come any more whom they would have to stop.
    const settleAt = tombstoneRetentionMs + Math.min(...barriers.map(({ createdAt }) => createdAt))
    await link.write((limits) => guids.updateOne({ _id: guid, revision }, { $set: { settleAt } }, limits))
  }

  async function settleGuids(limit: number): Promise<number> {
    const left = await link.read((limits) =>
      guids
        .find({ settleAt: { $lte: clock.now() } }, limits)
        .sort({ settleAt: 1 })
        .limit(limit)
        .toArray(),
    )
    for (const document of left) await settleGuid(document)
    return left.length
  }

  async function settleOperations(limit: number): Promise<number> {
    const left = await link.read((limits) =>
      operations
        .find({ settleAt: { $lte: clock.now() } }, limits)
        .sort({ settleAt: 1 })
        .limit(limit)
        .toArray(),
    )
    for (const { _id: id, kept } of left) await answers.settle({ in: 'operations', id }, kept)
    return left.length
  }

  /** A dead document has stood in the way for long enough; one of which something is still to be told stays. */
  async function bury(limit: number): Promise<number> {
    const empty = { outbox: { $size: 0 }, kept: { $size: 0 }, ended: { $size: 0 } }
    const dead = await link.read((limits) =>
      guids
        .find({ deadSince: { $lte: clock.now() - tombstoneRetentionMs }, ...empty }, limits)
        .limit(limit)
        .toArray(),
    )
    let buried = 0
    for (const chunk of inChunks(dead)) {
      const removals = chunk.map(({ _id, revision }) => ({
        deleteOne: { filter: { _id, revision, expire: 0, ...empty } },
      }))
      const { deletedCount } = await link.write((limits) =>
        guids.bulkWrite(removals, { ...limits, ordered: false }),
      )
      buried += deletedCount
    }
    return buried
  }

  return [settleGuids, settleOperations, bury]
}
