import { createKeyedMutex } from '@quintet/chassis/concurrency'
import { createVersions, entryOf, nowSeconds } from '../guid.ts'
import type { Guid } from '../guid.ts'
import type { GuidStore } from '../port.ts'
import type { BackgroundTasks } from './background-tasks.ts'
import type { Filter } from './connection.ts'
import { expiredEvent, rowOf } from './documents.ts'
import type { DocumentReference, GuidDocument, MongoContext } from './documents.ts'
import { createExpirySweep } from './expiry-sweep.ts'
import { createGuidWriter } from './guid-writer.ts'
import type { Decision } from './guid-writer.ts'
import type { MongoIdempotencyStore } from './idempotency-store.ts'
import type { OperationCompletion } from './operation-completion.ts'

/**
 * GUIDs in MongoDB. A write is one change of one document, which holds the event and whatever else is committed with it, on
 * the condition that the document is as it was read.
 */
export function createMongoGuidStore(
  parts: MongoContext & {
    idempotencyStore: MongoIdempotencyStore
    completion: OperationCompletion
    backgroundTasks: BackgroundTasks
  },
): GuidStore {
  const { connection, idempotencyStore, clock } = parts
  const { guids } = parts.collections
  const changeGuid = createGuidWriter(parts)
  const nextVersion = createVersions(clock)
  const serialize = createKeyedMutex()
  const now = () => nowSeconds(clock)

  return {
    nextVersion,

    async find(guid) {
      const found = await connection.readLinearizable((options) => guids.findOne({ _id: guid }, options))
      return isPresent(found, now()) ? entryOf(rowOf(found)) : undefined
    },

    idKind: 'guid',

    async list({ user, expiringBefore, after, limit }) {
      const expire = { $gt: now(), ...(expiringBefore !== undefined && { $lt: expiringBefore }) }
      const filter: Filter<GuidDocument> = { expire, ...(user !== undefined && { user }) }
      if (after !== undefined)
        filter.$or = [
          { expire: { $gt: after.expire } },
          { expire: after.expire, _id: { $gt: String(after.id) } },
        ]
      const found = await connection.read((options) =>
        guids
          .find(filter, { ...options, projection })
          .sort({ expire: 1, _id: 1 })
          .limit(limit)
          .toArray(),
      )
      return found.map((document) => ({ ...rowOf(document), id: document._id }))
    },

    create(row, { records = [], ...options }) {
      const { guid } = row
      const created = { type: 'guid.created' as const, ...row }
      const decide = (current: GuidDocument | undefined): Decision<'created' | 'exists'> => {
        if (current !== undefined && current.expire > now()) return { result: 'exists' }
        const isAbsent = current === undefined || current.expire === 0
        const events = isAbsent ? [created] : [expiredEvent(current), created]
        return { result: 'created', next: { row, events } }
      }
      // A command may be delivered again, so the GUID of an operation is read first.
      const assumeAbsent = options.operation === undefined
      return idempotencyStore.withBoundKey(records, referenceTo(guid), (entries) =>
        changeGuid(guid, { ...options, entries, assumeAbsent }, decide),
      )
    },

    update(guid, change, expected, { records = [], ...options }) {
      const decide = (current: GuidDocument | undefined): Decision<Guid | undefined> => {
        if (!isPresent(current, now(), expected)) return { result: undefined }
        const version = Math.max(current.version + 1, nextVersion())
        const row = { ...rowOf(current), ...change, version }
        return { result: row, next: { row, events: [{ type: 'guid.updated', ...row }] } }
      }
      return idempotencyStore.withBoundKey(records, referenceTo(guid), (entries) =>
        serialize(guid, () => changeGuid(guid, { ...options, entries }, decide)),
      )
    },

    async delete(guid, expected, deadline) {
      const decide = (current: GuidDocument | undefined): Decision<boolean> => {
        if (!isPresent(current, now(), expected)) return { result: false }
        const row = rowOf(current)
        const events = [{ type: 'guid.deleted' as const, ...row }]
        return { result: true, next: { row: { ...row, user: '', expire: 0 }, events, isTombstone: true } }
      }
      return (await serialize(guid, () => changeGuid(guid, { deadline }, decide))).result
    },

    sweep: createExpirySweep(parts),
  }
}

/** Without the events and records that wait in the document, which may be large. */
const projection = { user: 1, expire: 1, version: 1 }

/** Whether there is such a GUID, with this version if one is given. */
function isPresent(
  document: GuidDocument | undefined,
  now: number,
  version?: number,
): document is GuidDocument {
  if (document === undefined || document.expire <= now) return false
  return version === undefined || document.version === version
}

function referenceTo(id: string): DocumentReference {
  return { in: 'guids', id }
}
