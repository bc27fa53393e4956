import { randomUUID } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'
import { requestInProgress } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord, IdempotencyStore } from '@quintet/chassis/idempotency'
import type { BackgroundTasks } from './background-tasks.ts'
import { createBindings } from './bindings.ts'
import type { DocumentReference, MongoContext, RecordEntry } from './documents.ts'
import { createOutcomeFinder } from './outcome-finder.ts'
import { transferRecords } from './transfer.ts'

const attemptsMax = 5

export type MongoIdempotencyStore = IdempotencyStore & {
  /**
   * Binds the keys of the records to the document that the effect will change, then runs the effect, which commits the
   * entries, or `kept` in their place, with its change. The keys are free again when it changed nothing.
   */
  withBoundKey<R>(
    records: readonly IdempotencyRecord[],
    at: DocumentReference,
    effect: (entries: readonly RecordEntry[]) => Promise<Effect<R>>,
  ): Promise<R>
}

export type Effect<R> = {
  readonly applied: boolean
  readonly result: R
  readonly kept?: readonly RecordEntry[]
}

/** Recorded responses, each committed in the document whose change it reports. */
export function createMongoIdempotencyStore({
  backgroundTasks,
  ...context
}: MongoContext & { backgroundTasks: BackgroundTasks }): MongoIdempotencyStore {
  const { clock } = context
  const bindings = createBindings(context)
  const findOutcome = createOutcomeFinder({ ...context, bindings, backgroundTasks })

  async function bind(record: IdempotencyRecord, at: DocumentReference): Promise<RecordEntry> {
    const { id, fingerprint, response: answer } = record
    const createdAt = clock.now()
    const token = randomUUID()
    await bindings.insert({ _id: id, token, fingerprint, createdAt, at })
    return { id, token, createdAt, answer }
  }

  return {
    async withBoundKey(records, at, effect) {
      const entries: RecordEntry[] = []
      const releaseAll = async () => {
        for (const entry of entries) await bindings.release(entry)
      }
      try {
        for (const record of records) entries.push(await bind(record, at))
        const { applied, result, kept = entries } = await effect(entries)
        if (!applied) await releaseAll()
        else if (kept.length > 0) backgroundTasks.run(() => transferRecords(context, at, kept))
        return result
      } catch (error) {
        const isUnknown = error instanceof AppError && error.code === 'outcome_unknown'
        if (!isUnknown) await releaseAll().catch(() => {})
        throw error
      }
    },

    async find(id, since) {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const binding = await bindings.read(id)
        if (binding === undefined || binding.createdAt <= since) return undefined
        const { fingerprint, answer, at } = binding
        if (answer !== undefined) return { fingerprint, response: answer }
        const found = at && (await findOutcome(binding, at))
        if (found === 'free') return undefined
        if (found !== undefined) return found
      }
      throw requestInProgress()
    },

    async insert({ id, fingerprint, response: answer, createdAtMs: createdAt }) {
      await bindings.insert({ _id: id, token: randomUUID(), fingerprint, createdAt, answer })
    },

    removeOlder: bindings.removeOlder,
  }
}
