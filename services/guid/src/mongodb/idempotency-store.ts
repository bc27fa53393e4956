import { randomUUID } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { DuplicateRequest, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import { requestInProgress } from '@quintet/chassis/idempotency'
import type { IdempotencyStore, FoundRecord, IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { MongoConnection } from './connection.ts'
import type { BackgroundTasks } from '../background-tasks.ts'
import { tombstoneRetentionMs, tombstone } from './documents.ts'
import type { BindingDocument, Collections, RecordEntry, Place } from './documents.ts'

/** How long a request may be at work before its key is taken from it. */
const requestTimeoutMs = 10_000
const triesMax = 5

export type MongoIdempotencyStore = IdempotencyStore & {
  /**
   * Binds the keys of these answers to the document that the effect will change, then has it made with the answers inside.
   * Where it is not made the keys are free again.
   */
  withBoundKey<R>(
    answers: readonly IdempotencyRecord[],
    at: Place,
    effect: (entries: readonly RecordEntry[]) => Promise<Effect<R>>,
  ): Promise<R>
  /** Carries answers from the document that they were made with into their bindings. */
  settle(at: Place, entries: readonly RecordEntry[]): Promise<void>
}

export type Effect<R> = { readonly applied: boolean; readonly result: R }

/** Answers to requests with an Idempotency-Key, which become true with the document that they tell of. */
export function createMongoIdempotencyStore({
  link,
  collections: { guids, operations, idempotency },
  clock,
  afterwards,
}: {
  link: MongoConnection
  collections: Collections
  clock: Clock
  afterwards: BackgroundTasks
}): MongoIdempotencyStore {
  const read = (id: string) => link.newest((options) => idempotency.findOne({ _id: id }, options))

  /** Puts the binding where there is none, or one that has outlived its day. */
  async function put(binding: BindingDocument): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      if (await link.insert((limits) => idempotency.insertOne(binding, limits))) return
      const old = await read(binding._id)
      if (old === undefined) continue
      if (old.createdAt > binding.createdAt - idempotencyRetentionMs) throw new DuplicateRequest()
      const { matchedCount } = await link.write((limits) =>
        idempotency.replaceOne({ _id: binding._id, token: old.token }, binding, limits),
      )
      if (matchedCount > 0) return
    }
    throw new DuplicateRequest()
  }

  /** Takes a binding away that has no answer yet; false when that has changed. */
  async function free(id: string, token: string): Promise<boolean> {
    const { deletedCount } = await link.write((limits) =>
      idempotency.deleteOne({ _id: id, token, answer: { $exists: false } }, limits),
    )
    return deletedCount > 0
  }

  async function settle(at: Place, entries: readonly RecordEntry[]): Promise<void> {
    for (const { id, token, answer } of entries)
      if (answer !== undefined)
        await link.write((limits) =>
          idempotency.updateOne(
            { _id: id, token, answer: { $exists: false } },
            { $set: { answer }, $unset: { at: '' } },
            limits,
          ),
        )
    if (at.in === 'guids') {
      await link.write((limits) =>
        guids.updateOne({ _id: at.id }, { $pullAll: { kept: [...entries] } }, limits),
      )
      const settled = { _id: at.id, kept: { $size: 0 }, ended: { $size: 0 } }
      await link.write((limits) => guids.updateOne(settled, { $unset: { settleAt: '' } }, limits))
    } else
      await link.write((limits) =>
        operations.updateOne({ _id: at.id }, { $set: { kept: [] }, $unset: { settleAt: '' } }, limits),
      )
  }

  function holderOf({ in: name, id }: Place): Promise<{ kept: readonly RecordEntry[] } | undefined> {
    return name === 'guids'
      ? link.newest((options) => guids.findOne({ _id: id }, options))
      : link.newest((options) => operations.findOne({ _id: id }, options))
  }

  /** Makes the change of a request impossible that has not made it yet; who made it is found there by the next look. */
  async function forbid({ in: name, id }: Place, binding: BindingDocument): Promise<void> {
    const now = clock.now()
    const { token } = binding
    const entry: RecordEntry = { id: binding._id, token, createdAt: now }
    const settleAt = now + tombstoneRetentionMs
    if (name === 'operations') {
      const document = {
        _id: id,
        guid: '',
        status: 'void' as const,
        changedAt: now,
        command: '',
        kept: [entry],
      }
      await link.insert((limits) => operations.insertOne(document, limits))
      return
    }
    const { matchedCount } = await link.write((limits) =>
      guids.updateOne(
        { _id: id, 'kept.token': { $ne: token } },
        { $push: { kept: entry }, $inc: { revision: 1 }, $min: { settleAt } },
        limits,
      ),
    )
    if (matchedCount > 0) return
    const document = { ...tombstone(id, now), kept: [entry], settleAt }
    await link.insert((limits) => guids.insertOne(document, limits))
  }

  /** What has become of a request that left no answer in its binding; undefined when that must be looked at again. */
  async function resolve(binding: BindingDocument, at: Place): Promise<FoundRecord | 'free' | undefined> {
    const holder = await holderOf(at)
    const entry = holder?.kept.find(({ token }) => token === binding.token)
    if (entry?.answer !== undefined) {
      afterwards.run(() => settle(at, [entry]))
      return { fingerprint: binding.fingerprint, response: entry.answer }
    }
    if (entry !== undefined) return (await free(binding._id, binding.token)) ? 'free' : undefined
    // It may have been settled between the two looks.
    if ((await read(binding._id))?.answer !== undefined) return undefined
    if (binding.createdAt > clock.now() - requestTimeoutMs) throw requestInProgress()
    await forbid(at, binding)
    return undefined
  }

  return {
    settle,

    async withBoundKey(answers, at, effect) {
      const bound: { id: string; token: string }[] = []
      const releaseAll = async () => {
        for (const { id, token } of bound) await free(id, token)
      }
      try {
        const entries: RecordEntry[] = []
        for (const { id, fingerprint, response, createdAtMs: createdAt } of answers) {
          const token = randomUUID()
          await put({ _id: id, token, fingerprint, createdAt, at })
          bound.push({ id, token })
          entries.push({ id, token, createdAt, answer: response })
        }
        const { applied, result } = await effect(entries)
        if (!applied) await releaseAll()
        else if (entries.length > 0) afterwards.run(() => settle(at, entries))
        return result
      } catch (error) {
        const isUnknown = error instanceof AppError && error.code === 'outcome_unknown'
        if (!isUnknown) await releaseAll().catch(() => {})
        throw error
      }
    },

    async find(id, since) {
      for (let tries = 0; tries < triesMax; tries++) {
        const binding = await read(id)
        if (binding === undefined || binding.createdAt <= since) return undefined
        const { fingerprint, answer, at } = binding
        if (answer !== undefined) return { fingerprint, response: answer }
        const found = at && (await resolve(binding, at))
        if (found === 'free') return undefined
        if (found !== undefined) return found
      }
      throw requestInProgress()
    },

    async insert({ id, fingerprint, response: answer, createdAtMs: createdAt }) {
      await put({ _id: id, token: randomUUID(), fingerprint, createdAt, answer })
    },

    async removeOlder(since, limit) {
      const old = await link.read((limits) =>
        idempotency
          .find({ createdAt: { $lte: since } }, { ...limits, projection: { _id: 1 } })
          .limit(limit)
          .toArray(),
      )
      if (old.length === 0) return 0
      const ids = old.map(({ _id }) => _id)
      const { deletedCount } = await link.write((limits) =>
        idempotency.deleteMany({ _id: { $in: ids }, createdAt: { $lte: since } }, limits),
      )
      return deletedCount
    },
  }
}
