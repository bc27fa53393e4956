import { createKeyedMutex } from '@quintet/chassis/concurrency'
import { entryOf, newGuid, nowSeconds } from '../guid.ts'
import type { Guid } from '../guid.ts'
import type { CreateOutcome, GuidCondition, GuidStore } from '../port.ts'
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
  const serialize = createKeyedMutex()
  const now = () => nowSeconds(clock)

  return {
    async find(guid) {
      const found = await connection.readLinearizable((options) => guids.findOne({ _id: guid }, options))
      return isPresent(found, now()) ? entryOf(rowOf(found)) : undefined
    },

    idKind: 'guid',

    async list({ owner, user, expiringBefore, after, limit }) {
      const expire = {
        $gt: now(),
        ...(expiringBefore !== undefined && { $lt: expiringBefore }),
        // The place in the index at which the page begins.
        ...(after !== undefined && { $gte: after.expire }),
      }
      const filter: Filter<GuidDocument> = {
        expire,
        ...(user !== undefined && { user }),
        // Null is also what is not there.
        ...(owner !== undefined && { owner }),
      }
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

    /** Each is the next one after a random GUID. */
    async sample(max) {
      const nextAfter = (from: string) =>
        connection.read((options) =>
          guids
            .find({ _id: { $gte: from }, expire: { $gt: 0 } }, { ...options, projection: { _id: 1 } })
            .sort({ _id: 1 })
            .limit(1)
            .toArray(),
        )
      const found = await Promise.all(Array.from({ length: max }, () => nextAfter(newGuid('4'))))
      return [...new Set(found.flat().map(({ _id }) => _id))]
    },

    create(registration, { records = () => [], ...options }) {
      const { guid } = registration
      const decide = (current: GuidDocument | undefined, version: number): Decision<CreateOutcome> => {
        if (registration.expire <= now()) return { result: 'expired' }
        if (current !== undefined && current.expire > now()) return { result: 'exists' }
        const isAbsent = current === undefined || current.expire === 0
        const row = { ...registration, version }
        const created = { type: 'guid.created' as const, ...row }
        const events = isAbsent ? [created] : [expiredEvent(current), created]
        return { result: version, next: { row, events, before: row.expire } }
      }
      // The keys are bound before the version is known.
      return idempotencyStore.withBoundKey(records(0), referenceTo(guid), (entries) => {
        const entriesOf = (version: number) =>
          records(version).flatMap(({ id, response: answer }) =>
            entries.filter((entry) => entry.id === id).map((entry) => ({ ...entry, answer })),
          )
        return changeGuid(guid, { ...options, entries, entriesOf }, decide)
      })
    },

    update(guid, change, condition, options) {
      const decide = (current: GuidDocument | undefined, version: number): Decision<Guid | undefined> => {
        if (!isPresent(current, now(), condition)) return { result: undefined }
        const row = { ...rowOf(current), ...change, version }
        const before = Math.min(current.expire, row.expire)
        if (before <= now()) return { result: undefined }
        return { result: row, next: { row, events: [{ type: 'guid.updated', ...row }], before } }
      }
      return serialize(guid, async () => (await changeGuid(guid, options, decide)).result)
    },

    async delete(guid, condition, deadline) {
      const decide = (current: GuidDocument | undefined): Decision<boolean> => {
        if (!isPresent(current, now(), condition)) return { result: false }
        const row = rowOf(current)
        const events = [{ type: 'guid.deleted' as const, ...row }]
        const next = {
          row: { ...row, user: '', owner: null, expire: 0 },
          events,
          before: row.expire,
          isTombstone: true,
        }
        return { result: true, next }
      }
      return (await serialize(guid, () => changeGuid(guid, { deadline }, decide))).result
    },

    sweep: createExpirySweep(parts),
  }
}

/** Without the events and records that wait in the document, which may be large. */
const projection = { user: 1, owner: 1, expire: 1, version: 1 }

/** Whether there is such a GUID, with this version and this owner if they are given. */
function isPresent(
  document: GuidDocument | undefined,
  now: number,
  { version, owner = null }: Partial<GuidCondition> = {},
): document is GuidDocument {
  if (document === undefined || document.expire <= now) return false
  if (owner !== null && document.owner !== owner) return false
  return version === undefined || document.version === version
}

function referenceTo(id: string): DocumentReference {
  return { in: 'guids', id }
}
