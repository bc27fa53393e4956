import { setTimeout as pause } from 'node:timers/promises'
import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Clock, Deadline } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { DuplicateRequest } from '@quintet/chassis/idempotency'
import type { Filter, MongoConnection } from './connection.ts'
import type { GuidEvent } from '@quintet/contracts'
import type { BackgroundTasks } from '../background-tasks.ts'
import { createVersions, entryOf } from '../guid.ts'
import type { Guid } from '../guid.ts'
import type { Effect, MongoIdempotencyStore } from './idempotency-store.ts'
import { inChunks, recoveryDelayMs, tombstone, outboxEvent } from './documents.ts'
import type { Collections, EndedEntry, GuidDocument, RecordEntry } from './documents.ts'
import type { OperationCompletion } from './operation-completion.ts'
import type { CommitWith, GuidStore } from '../port.ts'
import { createKeyedMutex } from '@quintet/chassis/concurrency'

const triesMax = 20
const pauseMaxMs = 20
/** A document has a size that it cannot outgrow, and one GUID does not hold up the telling of others. */
const outboxMax = 1_000

/**
 * GUIDs in MongoDB behind the cache. A write is one change of one document, which has in it the event that tells of the
 * change and whatever else comes with it, on the condition that the document stands as it was read.
 */
export function createMongoGuidStore({
  link,
  collections: { guids },
  answers: kept,
  ends,
  afterwards,
  cache,
  clock,
  wake,
}: {
  link: MongoConnection
  collections: Collections
  answers: MongoIdempotencyStore
  ends: OperationCompletion
  afterwards: BackgroundTasks
  cache: Cache
  clock: Clock
  /** Says that there is something to be told. */
  wake: () => void
}): GuidStore {
  const nextVersion = createVersions(clock)
  const serialized = createKeyedMutex()
  const now = () => Math.floor(clock.now() / 1000)
  const read = (guid: string) => link.newest((options) => guids.findOne({ _id: guid }, options))

  async function load(guid: string): Promise<Entry | undefined> {
    const found = await read(guid)
    return found !== undefined && found.expire > now() ? entryOf(rowOf(found)) : undefined
  }

  /**
   * Reads the document, decides, and writes what was decided if nobody wrote in between; else once more. `fresh` is for what is
   * hardly ever there: it is taken to be absent until that shows to be wrong.
   */
  async function change<R>(
    guid: string,
    { beside, entries, deadline, fresh }: Circumstances,
    decide: (old: GuidDocument | undefined) => Decision<R>,
  ): Promise<Effect<R>> {
    const { operation } = beside
    for (let tries = 0; tries < triesMax; tries++) {
      if (tries > 1) await pause(Math.random() * pauseMaxMs)
      const old = fresh && tries === 0 ? undefined : await read(guid)
      // Who looked for the answer of this request gave it up, and another may have come in its place.
      if (old?.kept.some(({ token }) => entries.some((entry) => entry.token === token)))
        throw new DuplicateRequest()
      if (operation !== undefined) await ends.refuseOver(operation, guid, old)
      const { result, next } = decide(old)
      if (next === undefined) return { applied: false, result }
      const ended = operation === undefined ? [] : [endOf(operation, next.row)]
      if (!(await write(old, next, entries, ended, deadline))) continue
      wake()
      for (const end of ended) afterwards.run(() => ends.finish(guid, end))
      return { applied: true, result }
    }
    throw new AppError('overloaded', 'Too many concurrent changes to this resource; retry.')
  }

  /** Writes the next state over the one that was read; false when it is not that any more. */
  async function write(
    old: GuidDocument | undefined,
    { row: { guid, user, expire, version }, events, dead }: Next,
    entries: readonly RecordEntry[],
    ended: readonly EndedEntry[],
    deadline: Deadline,
  ): Promise<boolean> {
    const at = clock.now()
    const told = events.map((event) => outboxEvent(event, at))
    const settleAt = entries.length + ended.length > 0 ? { settleAt: at + recoveryDelayMs } : {}
    const state = { user, expire, version, ...(dead && { deadSince: at }) }
    if (old === undefined) {
      const { deadSince: _, ...empty } = tombstone(guid, at)
      const whole = { ...empty, ...state, outbox: told, due: at, kept: entries, ended, ...settleAt }
      return link.insert((limits) => guids.insertOne(whole, limits), deadline)
    }
    if (old.outbox.length + told.length > outboxMax)
      throw new AppError('overloaded', 'Too many changes of this GUID wait to be told.')
    const { matchedCount } = await link.write(
      (limits) =>
        guids.updateOne(
          { _id: guid, revision: old.revision },
          {
            $set: state,
            $inc: { revision: 1 },
            $push: { outbox: { $each: told }, kept: { $each: [...entries] }, ended: { $each: [...ended] } },
            $min: { due: at, ...settleAt },
            ...(!dead && { $unset: { deadSince: '' } }),
          },
          limits,
        ),
      deadline,
    )
    return matchedCount > 0
  }

  return {
    nextVersion,

    find: (guid) => cache.read(guid, () => load(guid)),

    placeType: 'string',

    async list({ user, expiringBefore, after, limit }) {
      const ends = { $gt: now(), ...(expiringBefore !== undefined && { $lt: expiringBefore }) }
      const filter: Filter<GuidDocument> = { expire: ends, ...(user !== undefined && { user }) }
      if (after !== undefined)
        filter.$or = [
          { expire: { $gt: after.expire } },
          { expire: after.expire, _id: { $gt: String(after.place) } },
        ]
      const found = await link.read((limits) =>
        guids.find(filter, limits).sort({ expire: 1, _id: 1 }).limit(limit).toArray(),
      )
      return found.map((document) => ({ ...rowOf(document), place: document._id }))
    },

    async create(row, beside = {}) {
      const { guid } = row
      const created = { type: 'guid.created' as const, ...row }
      const decide = (old: GuidDocument | undefined): Decision<'created' | 'live'> => {
        if (old !== undefined && old.expire > now()) return { result: 'live' }
        const events = old === undefined || old.expire === 0 ? [created] : [expiredEvent(old), created]
        return { result: 'created', next: { row, events, dead: false } }
      }
      const register = (deadline: Deadline) =>
        kept.withBoundKey(beside.records ?? [], { in: 'guids', id: guid }, (entries) =>
          change(guid, { beside, entries, deadline, fresh: beside.operation === undefined }, decide),
        )
      // Few of the new are read soon, and a cache of them would turn over as fast as they come: the first reader fills it.
      return beside.isNew === true ? register({}) : cache.write([guid], register, () => undefined)
    },

    async update(guid, given, version, beside = {}) {
      const decide = (old: GuidDocument | undefined): Decision<Guid | undefined> => {
        if (!isLive(old, now(), version)) return { result: undefined }
        const row = { ...rowOf(old), ...given, version: Math.max(old.version + 1, nextVersion()) }
        const events = [{ type: 'guid.updated' as const, ...row }]
        return { result: row, next: { row, events, dead: false } }
      }
      const changed = (deadline: Deadline) =>
        kept.withBoundKey(beside.records ?? [], { in: 'guids', id: guid }, (entries) =>
          serialized(guid, () => change(guid, { beside, entries, deadline }, decide)),
        )
      return cache.write([guid], changed, (row) => row && entryOf(row))
    },

    async delete(guid, version) {
      const decide = (old: GuidDocument | undefined): Decision<boolean> => {
        if (!isLive(old, now(), version)) return { result: false }
        const row = rowOf(old)
        const events = [{ type: 'guid.deleted' as const, ...row }]
        return { result: true, next: { row: { ...row, user: '', expire: 0 }, events, dead: true } }
      }
      const removed = async (deadline: Deadline) =>
        (await serialized(guid, () => change(guid, { beside: {}, entries: [], deadline }, decide))).result
      return cache.write([guid], removed, (done) => (done ? null : undefined))
    },

    /** Each on the condition that it stands as it was read, so that who moves the end of a GUID meanwhile has moved it. */
    async sweep(limit) {
      const expired = await link.read((limits) =>
        guids
          .find({ expire: { $gt: 0, $lte: now() } }, limits)
          .sort({ expire: 1, _id: 1 })
          .limit(limit)
          .toArray(),
      )
      const at = clock.now()
      let swept = 0
      for (const chunk of inChunks(expired)) {
        const changes = chunk.map((old) => ({
          updateOne: {
            filter: { _id: old._id, revision: old.revision },
            update: {
              $set: { user: '', expire: 0, deadSince: at },
              $inc: { revision: 1 },
              $push: { outbox: outboxEvent(expiredEvent(old), at) },
              $min: { due: at },
            },
          },
        }))
        const { matchedCount } = await link.write((limits) =>
          guids.bulkWrite(changes, { ...limits, ordered: false }),
        )
        swept += matchedCount
      }
      if (swept > 0) wake()
      return swept
    },
  }
}

type Circumstances = {
  readonly beside: CommitWith
  readonly entries: readonly RecordEntry[]
  readonly deadline: Deadline
  readonly fresh?: boolean
}

/** What comes of the document as it was read; without `next` it stays. */
type Decision<R> = { readonly result: R; readonly next?: Next }
type Next = { readonly row: Guid; readonly events: readonly GuidEvent[]; readonly dead: boolean }

function isLive(
  old: GuidDocument | undefined,
  nowSeconds: number,
  version: number | undefined,
): old is GuidDocument {
  return old !== undefined && old.expire > nowSeconds && (version === undefined || old.version === version)
}

function expiredEvent(old: GuidDocument): GuidEvent {
  return { type: 'guid.expired', ...rowOf(old) }
}

function rowOf({ _id, user, expire, version }: GuidDocument): Guid {
  return { guid: _id, user, expire, version }
}

/** The result of an operation: the GUID as it then is. */
function endOf(id: string, { guid, user, expire }: Guid): EndedEntry {
  return { id, status: 'succeeded', text: JSON.stringify({ guid, user, expire: String(expire) }) }
}
