import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import type { MongoConnection } from './connection.ts'
import { recoveryDelayMs, tombstone } from './documents.ts'
import type { Collections, EndedEntry, GuidDocument } from './documents.ts'
import { OperationOver } from '../port.ts'

const triesMax = 20

/**
 * How operations end. What decides is the document of the GUID: an end stands there first, with the effect or in place of
 * one, and is then carried into the operation. Only when it stands there too is it taken away from the GUID.
 */
export type OperationCompletion = {
  /**
   * Rejects with `OperationOver` unless the operation may still have its effect on the document as it was read before. An
   * effect that another makes from then on changes the document, so that this one fails on its condition.
   */
  refuseOver(id: string, guid: string, document: GuidDocument | undefined): Promise<void>
  /** Ends an operation without an effect, and makes one impossible. */
  fail(guid: string, entry: EndedEntry): Promise<void>
  /** Carries an end from the GUID into the operation. */
  finish(guid: string, entry: EndedEntry): Promise<void>
}

export function createOperationCompletion({
  link,
  collections: { guids, operations },
  clock,
}: {
  link: MongoConnection
  collections: Collections
  clock: Clock
}): OperationCompletion {
  async function finish(guid: string, entry: EndedEntry): Promise<void> {
    const { id, status, text } = entry
    const end = status === 'succeeded' ? { result: text } : { problem: text }
    await link.write((limits) =>
      operations.updateOne(
        { _id: id, status: 'pending' },
        { $set: { status, ...end, changedAt: clock.now() } },
        limits,
      ),
    )
    await link.write((limits) => guids.updateOne({ _id: guid }, { $pullAll: { ended: [entry] } }, limits))
    const settled = { _id: guid, kept: { $size: 0 }, ended: { $size: 0 } }
    await link.write((limits) => guids.updateOne(settled, { $unset: { settleAt: '' } }, limits))
  }

  /** Puts the end where the effect would be; false when somebody changed the document meanwhile. */
  async function forbid(
    guid: string,
    document: GuidDocument | undefined,
    entry: EndedEntry,
  ): Promise<boolean> {
    const now = clock.now()
    const settleAt = now + recoveryDelayMs
    if (document === undefined) {
      const whole = { ...tombstone(guid, now), ended: [entry], settleAt }
      return link.insert((limits) => guids.insertOne(whole, limits))
    }
    const { matchedCount } = await link.write((limits) =>
      guids.updateOne(
        { _id: guid, revision: document.revision },
        { $push: { ended: entry }, $inc: { revision: 1 }, $min: { settleAt } },
        limits,
      ),
    )
    return matchedCount > 0
  }

  return {
    finish,

    async refuseOver(id, guid, document) {
      const ended = document?.ended.find((entry) => entry.id === id)
      if (ended !== undefined) {
        await finish(guid, ended)
        throw new OperationOver()
      }
      const operation = await link.newest((options) => operations.findOne({ _id: id }, options))
      if (operation?.status !== 'pending') throw new OperationOver()
    },

    async fail(guid, entry) {
      for (let tries = 0; tries < triesMax; tries++) {
        const document = await link.newest((options) => guids.findOne({ _id: guid }, options))
        const ended = document?.ended.find(({ id }) => id === entry.id)
        if (ended !== undefined) return finish(guid, ended)
        if (await forbid(guid, document, entry)) return finish(guid, entry)
      }
      throw new AppError('overloaded', 'Too many concurrent changes to this resource; retry.')
    },
  }
}
