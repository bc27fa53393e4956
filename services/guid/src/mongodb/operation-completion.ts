import { AppError } from '@quintet/chassis/errors'
import { OperationCompleted } from '../port.ts'
import { recoveryDelayMs, tombstone } from './documents.ts'
import type { CompletionEntry, GuidDocument, MongoContext } from './documents.ts'
import { transferCompletion } from './transfer.ts'

const attemptsMax = 20

/**
 * How operations complete. The document of the GUID decides: the outcome is committed there, together with the effect or
 * instead of one, and is then transferred to the operation.
 */
export type OperationCompletion = {
  /**
   * Rejects with `OperationCompleted` unless the operation may still have its effect on the document, which was read before.
   * Any effect that is committed after that read changes the document, so that the condition of this one fails.
   */
  refuseCompleted(id: string, guid: string, document: GuidDocument | undefined): Promise<void>
  /** Completes an operation without an effect, and makes an effect impossible. */
  fail(guid: string, entry: CompletionEntry): Promise<void>
}

export function createOperationCompletion(context: MongoContext): OperationCompletion {
  const {
    connection,
    collections: { guids, operations },
    clock,
  } = context

  /** Commits the outcome instead of the effect; false when the document has changed meanwhile. */
  async function blockEffect(
    guid: string,
    document: GuidDocument | undefined,
    entry: CompletionEntry,
  ): Promise<boolean> {
    const now = clock.now()
    const settleAt = now + recoveryDelayMs
    if (document === undefined) {
      const whole = { ...tombstone(guid, now), ended: [entry], settleAt }
      return connection.insert((options) => guids.insertOne(whole, options))
    }
    const { matchedCount } = await connection.write((options) =>
      guids.updateOne(
        { _id: guid, revision: document.revision },
        { $push: { ended: entry }, $inc: { revision: 1 }, $min: { settleAt } },
        options,
      ),
    )
    return matchedCount > 0
  }

  return {
    async refuseCompleted(id, guid, document) {
      const entry = document?.ended.find((one) => one.id === id)
      if (entry !== undefined) {
        await transferCompletion(context, guid, entry)
        throw new OperationCompleted()
      }
      const operation = await connection.readLinearizable((options) =>
        operations.findOne({ _id: id }, options),
      )
      if (operation?.status !== 'pending') throw new OperationCompleted()
    },

    async fail(guid, entry) {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const document = await connection.readLinearizable((options) => guids.findOne({ _id: guid }, options))
        const existing = document?.ended.find(({ id }) => id === entry.id)
        if (existing !== undefined) return transferCompletion(context, guid, existing)
        if (await blockEffect(guid, document, entry)) return transferCompletion(context, guid, entry)
      }
      throw new AppError('overloaded', 'Too many concurrent changes to this GUID; retry.')
    },
  }
}
