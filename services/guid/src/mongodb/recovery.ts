import type { Sweep } from '@quintet/chassis/sweeper'
import { inChunks, tombstoneRetentionMs } from './documents.ts'
import type { GuidDocument, MongoContext, RecordEntry } from './documents.ts'
import { transferCompletion, transferRecords } from './transfer.ts'
import { createVersionFloor } from './version-floor.ts'

/** The sweeps that make the transfers of processes that died after a change, and that remove old tombstones. */
export function createMongoRecovery(context: MongoContext): readonly Sweep[] {
  const {
    connection,
    collections: { guids, operations },
    clock,
  } = context
  const floor = createVersionFloor(context)

  async function recoverGuid({ _id: guid, revision, kept, ended }: GuidDocument): Promise<void> {
    for (const entry of ended) await transferCompletion(context, guid, entry)
    const expiredAt = clock.now() - tombstoneRetentionMs
    const isBlocking = ({ answer, createdAt }: RecordEntry) => answer === undefined && createdAt > expiredAt
    const blocking = kept.filter(isBlocking)
    await transferRecords(
      context,
      { in: 'guids', id: guid },
      kept.filter((entry) => !isBlocking(entry)),
    )
    if (blocking.length === 0) return
    // They are kept until every request that they block must have ended.
    const settleAt = tombstoneRetentionMs + Math.min(...blocking.map(({ createdAt }) => createdAt))
    await connection.write((options) =>
      guids.updateOne({ _id: guid, revision }, { $set: { settleAt } }, options),
    )
  }

  async function recoverGuids(limit: number): Promise<number> {
    const due = await connection.read((options) =>
      guids
        .find({ settleAt: { $lte: clock.now() } }, options)
        .sort({ settleAt: 1 })
        .limit(limit)
        .toArray(),
    )
    for (const document of due) await recoverGuid(document)
    return due.length
  }

  async function recoverOperations(limit: number): Promise<number> {
    const due = await connection.read((options) =>
      operations
        .find({ settleAt: { $lte: clock.now() } }, options)
        .sort({ settleAt: 1 })
        .limit(limit)
        .toArray(),
    )
    for (const { _id: id, kept } of due) await transferRecords(context, { in: 'operations', id }, kept)
    return due.length
  }

  /** Removes tombstones after their retention, unless something in them is still to be transferred. */
  async function removeTombstones(limit: number): Promise<number> {
    const empty = { outbox: { $size: 0 }, kept: { $size: 0 }, ended: { $size: 0 } }
    const tombstones = await connection.read((options) =>
      guids
        .find({ deadSince: { $lte: clock.now() - tombstoneRetentionMs }, ...empty }, options)
        .limit(limit)
        .toArray(),
    )
    let removed = 0
    const highest = Math.max(0, ...tombstones.map(({ version }) => version))
    if (highest > 0) await floor.raise(highest)
    for (const chunk of inChunks(tombstones)) {
      const removals = chunk.map(({ _id, revision }) => ({
        deleteOne: { filter: { _id, revision, expire: 0, ...empty } },
      }))
      const { deletedCount } = await connection.write((options) =>
        guids.bulkWrite(removals, { ...options, ordered: false }),
      )
      removed += deletedCount
    }
    return removed
  }

  return [recoverGuids, recoverOperations, removeTombstones]
}
