import { DuplicateRequest } from '@quintet/chassis/idempotency'
import type { GuidCommand } from '@quintet/contracts'
import { operationRetentionMs } from '../port.ts'
import type { OperationStore } from '../port.ts'
import type { Filter } from './connection.ts'
import { tombstoneRetentionMs, recoveryDelayMs } from './documents.ts'
import type { MongoContext, OperationDocument, RecordEntry } from './documents.ts'
import type { MongoIdempotencyStore } from './idempotency-store.ts'
import type { OperationCompletion } from './operation-completion.ts'

/** Operations in MongoDB. An operation is itself the outbox message of its command, until that has reached the queue. */
export function createMongoOperationStore({
  connection,
  collections: { operations, control },
  idempotencyStore,
  completion,
  clock,
}: MongoContext & {
  idempotencyStore: MongoIdempotencyStore
  completion: OperationCompletion
}): OperationStore {
  const read = (id: string) =>
    connection.readLinearizable((options) => operations.findOne({ _id: id }, options))

  /**
   * A position after all commands of the GUID that any process has accepted before. The clocks of processes differ too much
   * for that, so there are counters: 256, by the first digits of the GUID, so that few requests contend for one.
   */
  async function nextPosition(guid: string): Promise<{ due: number; order: number }> {
    const _id = `order-${guid.slice(0, 2)}`
    const count = () =>
      connection.write((options) =>
        control.findOneAndUpdate(
          { _id },
          { $max: { at: clock.now() }, $inc: { count: 1 } },
          { ...options, returnDocument: 'after' },
        ),
      )
    const counter = await count()
    if (counter !== null) return { due: counter.at ?? 0, order: counter.count ?? 0 }
    await connection.insert((options) => control.insertOne({ _id, at: 0, count: 0 }, options))
    return nextPosition(guid)
  }

  /** Removes at most `limit` operations, but for those whose command or record is still to be transferred. */
  async function remove(filter: Filter<OperationDocument>, limit: number): Promise<number> {
    const found = await connection.read((options) =>
      operations
        .find(filter, { ...options, projection: { _id: 1 } })
        .limit(limit)
        .toArray(),
    )
    if (found.length === 0) return 0
    const ids = found.map(({ _id }) => _id)
    const finished = { due: { $exists: false }, settleAt: { $exists: false } }
    const { deletedCount } = await connection.write((options) =>
      operations.deleteMany({ _id: { $in: ids }, ...finished }, options),
    )
    return deletedCount
  }

  return {
    async find(id) {
      const found = await read(id)
      if (found === undefined || found.status === 'void') return undefined
      const { status, owner = null, result = null, problem = null } = found
      return { id, owner, status, result, problem }
    },

    async accept(id, command, records) {
      await idempotencyStore.withBoundKey(records, { in: 'operations', id }, async (entries) => {
        const position = await nextPosition(command.guid)
        const document = { ...newDocument(id, command, entries, clock.now()), ...position }
        // The id is new, so only a placeholder that blocks this request can have it.
        if (!(await connection.insert((options) => operations.insertOne(document, options))))
          throw new DuplicateRequest()
        return { applied: true, result: undefined }
      })
    },

    countPending: (limit) =>
      connection.read((options) => operations.countDocuments({ status: 'pending' }, { ...options, limit })),

    async fail(id, problem) {
      const operation = await read(id)
      if (operation?.status !== 'pending') return
      await completion.fail(operation.guid, { id, status: 'failed', text: JSON.stringify(problem) })
    },

    async sweep(limit) {
      const now = clock.now()
      const completed = {
        status: { $in: ['succeeded' as const, 'failed' as const] },
        changedAt: { $lte: now - operationRetentionMs },
      }
      const placeholders = { status: 'void' as const, changedAt: { $lte: now - tombstoneRetentionMs } }
      return (await remove(completed, limit)) + (await remove(placeholders, limit))
    },
  }
}

function newDocument(
  id: string,
  command: GuidCommand,
  entries: readonly RecordEntry[],
  now: number,
): OperationDocument {
  return {
    _id: id,
    guid: command.guid,
    ...(typeof command.access?.owner === 'string' && { owner: command.access.owner }),
    status: 'pending',
    command: JSON.stringify(command),
    changedAt: now,
    kept: entries,
    ...(entries.length > 0 && { settleAt: now + recoveryDelayMs }),
  }
}
