import { randomUUIDv7 } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import { DuplicateRequest } from '@quintet/chassis/idempotency'
import type { MongoConnection } from './connection.ts'
import { createBacklog } from '../backlog.ts'
import type { MongoIdempotencyStore } from './idempotency-store.ts'
import { tombstoneRetentionMs, recoveryDelayMs } from './documents.ts'
import type { Collections, OperationDocument } from './documents.ts'
import type { OperationCompletion } from './operation-completion.ts'
import { operationKeptMs } from '../port.ts'
import type { OperationStore } from '../port.ts'

/** Operations in MongoDB. Each is its own place in the outbox, until its command has reached the queue. */
export function createMongoOperationStore({
  link,
  collections: { operations, control },
  answers: kept,
  ends,
  clock,
  backlogMax,
  wake,
}: {
  link: MongoConnection
  collections: Collections
  answers: MongoIdempotencyStore
  ends: OperationCompletion
  clock: Clock
  backlogMax: number
  /** Says that there is a command for the queue. */
  wake: () => void
}): OperationStore {
  const backlog = createBacklog({ clock, backlogMax, count: countPending })
  const read = (id: string) => link.newest((options) => operations.findOne({ _id: id }, options))

  function countPending(): Promise<number> {
    return link.read((limits) =>
      operations.countDocuments({ status: 'pending' }, { ...limits, limit: backlogMax }),
    )
  }

  /**
   * A place behind all commands of the GUID that were accepted before, through whichever process: clocks are not alike enough
   * for that. A counter for each of 256 parts of all GUIDs, so that few meet at one.
   */
  async function nextPlace(guid: string): Promise<{ due: number; order: number }> {
    const _id = `order-${guid.slice(0, 2)}`
    const count = () =>
      link.write((limits) =>
        control.findOneAndUpdate(
          { _id },
          { $max: { at: clock.now() }, $inc: { count: 1 } },
          { ...limits, returnDocument: 'after' },
        ),
      )
    const counter = await count()
    if (counter !== null) return { due: counter.at ?? 0, order: counter.count ?? 0 }
    await link.insert((limits) => control.insertOne({ _id, at: 0, count: 0 }, limits))
    return nextPlace(guid)
  }

  return {
    newId: () => randomUUIDv7(),

    async find(id) {
      const found = await read(id)
      if (found === undefined || found.status === 'void') return undefined
      const { status, result = null, problem = null } = found
      return { id, status, result, problem }
    },

    async accept(id, command, answers) {
      const { guid } = command
      const document = { _id: id, guid, status: 'pending' as const, command: JSON.stringify(command) }
      await backlog.admit(() =>
        kept.withBoundKey(answers, { in: 'operations', id }, async (entries) => {
          const changedAt = clock.now()
          const whole: OperationDocument = {
            ...document,
            ...(await nextPlace(guid)),
            changedAt,
            kept: entries,
            ...(entries.length > 0 && { settleAt: changedAt + recoveryDelayMs }),
          }
          // Nobody else knows the id but who found this request to be dead.
          if (!(await link.insert((limits) => operations.insertOne(whole, limits))))
            throw new DuplicateRequest()
          wake()
          return { applied: true, result: undefined }
        }),
      )
    },

    async fail(id, problem) {
      const operation = await read(id)
      if (operation?.status !== 'pending') return
      await ends.fail(operation.guid, { id, status: 'failed', text: JSON.stringify(problem) })
    },

    async sweep(limit) {
      const now = clock.now()
      const over = [
        {
          status: { $in: ['succeeded' as const, 'failed' as const] },
          changedAt: { $lte: now - operationKeptMs },
        },
        { status: 'void' as const, changedAt: { $lte: now - tombstoneRetentionMs } },
      ]
      let removed = 0
      for (const filter of over) {
        const old = await link.read((limits) =>
          operations
            .find(filter, { ...limits, projection: { _id: 1 } })
            .limit(limit)
            .toArray(),
        )
        if (old.length === 0) continue
        const ids = old.map(({ _id }) => _id)
        const settled = { due: { $exists: false }, settleAt: { $exists: false } }
        const { deletedCount } = await link.write((limits) =>
          operations.deleteMany({ _id: { $in: ids }, ...settled }, limits),
        )
        removed += deletedCount
      }
      return removed
    },
  }
}
