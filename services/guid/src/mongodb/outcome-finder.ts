import { requestInProgress } from '@quintet/chassis/idempotency'
import type { FoundRecord } from '@quintet/chassis/idempotency'
import type { BackgroundTasks } from './background-tasks.ts'
import type { Bindings } from './bindings.ts'
import { tombstone, tombstoneRetentionMs } from './documents.ts'
import type { BindingDocument, DocumentReference, MongoContext, RecordEntry } from './documents.ts'
import { transferRecords } from './transfer.ts'

/** How long a request may take before its key is taken from it. */
const requestTimeoutMs = 10_000

/**
 * Finds the outcome of a request that has left no response in its binding: its record, `free` when it had no effect and will
 * have none, or undefined when the binding must be read again. Rejects while the request may be in progress.
 */
export function createOutcomeFinder({
  bindings,
  backgroundTasks,
  ...context
}: MongoContext & {
  bindings: Bindings
  backgroundTasks: BackgroundTasks
}): (binding: BindingDocument, at: DocumentReference) => Promise<FoundRecord | 'free' | undefined> {
  const {
    connection,
    collections: { guids, operations },
    clock,
  } = context

  async function readEntries({ in: name, id }: DocumentReference): Promise<readonly RecordEntry[]> {
    const document =
      name === 'guids'
        ? await connection.readLinearizable((options) => guids.findOne({ _id: id }, options))
        : await connection.readLinearizable((options) => operations.findOne({ _id: id }, options))
    return document?.kept ?? []
  }

  /** Makes the change of a request impossible unless it is committed already, which the next read will show. */
  async function blockLateWriter(
    { in: name, id }: DocumentReference,
    binding: BindingDocument,
  ): Promise<void> {
    const now = clock.now()
    const entry: RecordEntry = { id: binding._id, token: binding.token, createdAt: now }
    if (name === 'guids') return blockGuid(id, entry)
    const placeholder = { _id: id, guid: '', status: 'void' as const, changedAt: now, command: '' }
    await connection.insert((options) => operations.insertOne({ ...placeholder, kept: [entry] }, options))
  }

  async function blockGuid(guid: string, entry: RecordEntry): Promise<void> {
    const settleAt = entry.createdAt + tombstoneRetentionMs
    const { matchedCount } = await connection.write((options) =>
      guids.updateOne(
        { _id: guid, 'kept.token': { $ne: entry.token } },
        { $push: { kept: entry }, $inc: { revision: 1 }, $min: { settleAt } },
        options,
      ),
    )
    if (matchedCount > 0) return
    const whole = { ...tombstone(guid, entry.createdAt), kept: [entry], settleAt }
    await connection.insert((options) => guids.insertOne(whole, options))
  }

  return async (binding, at) => {
    const { _id: id, token, fingerprint, createdAt } = binding
    const entry = (await readEntries(at)).find((one) => one.token === token)
    if (entry?.answer !== undefined) {
      backgroundTasks.run(() => transferRecords(context, at, [entry]))
      return { fingerprint, response: entry.answer }
    }
    if (entry !== undefined) return (await bindings.release({ id, token })) ? 'free' : undefined
    // The record may have been transferred between the two reads.
    if ((await bindings.read(id))?.answer !== undefined) return undefined
    // One from the future was made before the clock was set back.
    if (Math.abs(clock.now() - createdAt) < requestTimeoutMs) throw requestInProgress()
    await blockLateWriter(at, binding)
    return undefined
  }
}
