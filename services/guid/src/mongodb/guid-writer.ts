import { setTimeout as pause } from 'node:timers/promises'
import type { Deadline } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { DuplicateRequest } from '@quintet/chassis/idempotency'
import type { GuidEvent } from '@quintet/contracts'
import { createVersions } from '../guid.ts'
import type { Guid } from '../guid.ts'
import type { BackgroundTasks } from './background-tasks.ts'
import type { CommandOptions } from './client.ts'
import type { UpdateFilter } from './connection.ts'
import { outboxEvent, recoveryDelayMs, tombstone } from './documents.ts'
import type { CompletionEntry, GuidDocument, MongoContext, RecordEntry } from './documents.ts'
import type { Effect } from './idempotency-store.ts'
import type { OperationCompletion } from './operation-completion.ts'
import { transferCompletion } from './transfer.ts'
import { createVersionFloor } from './version-floor.ts'

const attemptsMax = 20
const pauseMaxMs = 20
/** A document has a maximum size, and the events of one GUID must not delay those of others. */
const outboxMax = 1_000

type ChangeOptions = {
  readonly operation?: string
  readonly entries?: readonly RecordEntry[]
  /** The entries as they are committed, where they depend on the version. */
  readonly entriesOf?: (version: number) => readonly RecordEntry[]
  readonly deadline: Deadline
  /** Whether the GUID has never had a document; if it has one all the same, the next attempt reads it. */
  readonly isNew?: boolean
}

/** What a change makes of the document as it was read; without `next` the document is left unchanged. */
export type Decision<R> = { readonly result: R; readonly next?: NextState }
type NextState = {
  readonly row: Guid
  readonly events: readonly GuidEvent[]
  /** Unix time in seconds before which it must be sent. */
  readonly before: number
  readonly isTombstone?: boolean
}

/**
 * Reads the document of a GUID, decides on its next state and writes that; starts again if it has been changed meanwhile.
 * `version` is the one that a new state takes.
 */
type ChangeGuid = <R>(
  guid: string,
  options: ChangeOptions,
  decide: (current: GuidDocument | undefined, version: number) => Decision<R>,
) => Promise<Effect<R>>

export function createGuidWriter({
  completion,
  backgroundTasks,
  ...context
}: MongoContext & {
  completion: OperationCompletion
  backgroundTasks: BackgroundTasks
}): ChangeGuid {
  const {
    connection,
    collections: { guids },
    clock,
  } = context
  const propose = createVersions(clock)
  const readFloor = createVersionFloor(context).read

  /** A version above all that the GUID has had. A document without one was inserted after any earlier one had been removed. */
  async function nextVersion(current: GuidDocument | undefined): Promise<number> {
    return propose(current?.version === 0 ? await readFloor() : current?.version)
  }

  /**
   * Writes the next state in place of the one that was read; false when that is no longer the current one, or when it is too
   * late after the wait for a connection.
   */
  async function write(
    current: GuidDocument | undefined,
    values: Write,
    deadline: Deadline,
  ): Promise<boolean> {
    const isLate = () => values.next.before * 1000 <= clock.now()
    if (current === undefined) {
      const document = newDocument(values)
      let isSent = false
      const insert = async (options: CommandOptions) => {
        isSent = !isLate()
        if (isSent) await guids.insertOne(document, options)
      }
      return (await connection.insert(insert, deadline)) && isSent
    }
    if (current.outbox.length + values.next.events.length > outboxMax)
      throw new AppError('overloaded', 'Too many events of this GUID are waiting for the queue.')
    const filter = { _id: current._id, revision: current.revision }
    const update = async (options: CommandOptions) =>
      !isLate() && (await guids.updateOne(filter, updateOf(values), options)).matchedCount > 0
    return connection.write(update, deadline)
  }

  return async (guid, options, decide) => {
    const { operation, entries = [], entriesOf = () => entries, deadline } = options
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (attempt > 1) await pause(Math.random() * pauseMaxMs)
      const isNew = options.isNew === true && attempt === 0
      const current = isNew
        ? undefined
        : await connection.readLinearizable((options) => guids.findOne({ _id: guid }, options))
      // Such an entry blocks this request, which has timed out: its key may belong to another request by now.
      if (current?.kept.some(({ token }) => entries.some((entry) => entry.token === token)))
        throw new DuplicateRequest()
      if (operation !== undefined) await completion.refuseCompleted(operation, guid, current)
      const { result, next } = decide(current, await nextVersion(current))
      if (next === undefined) return { applied: false, result }
      if (current === undefined && !isNew) {
        const empty = tombstone(guid, clock.now())
        await connection.insert((options) => guids.insertOne(empty, options), deadline)
        continue
      }
      const kept = entriesOf(next.row.version)
      const ended = operation === undefined ? [] : [completionOf(operation, next.row)]
      if (!(await write(current, { next, kept, ended, at: clock.now() }, deadline))) continue
      for (const entry of ended) backgroundTasks.run(() => transferCompletion(context, guid, entry))
      return { applied: true, result, kept }
    }
    throw new AppError('overloaded', 'Too many concurrent changes to this GUID; retry.')
  }
}

type Write = {
  readonly next: NextState
  readonly kept: readonly RecordEntry[]
  readonly ended: readonly CompletionEntry[]
  readonly at: number
}

function newDocument({ next, kept, ended, at }: Write): GuidDocument {
  const { deadSince: _, ...empty } = tombstone(next.row.guid, at)
  const outbox = next.events.map((event) => outboxEvent(event, at))
  return { ...empty, ...stateOf(next, at), outbox, due: at, kept, ended, ...recoveryOf(kept, ended, at) }
}

function updateOf({ next, kept, ended, at }: Write): UpdateFilter<GuidDocument> {
  const events = next.events.map((event) => outboxEvent(event, at))
  return {
    $set: stateOf(next, at),
    $inc: { revision: 1 },
    $push: { outbox: { $each: events }, kept: { $each: [...kept] }, ended: { $each: [...ended] } },
    $min: { due: at, ...recoveryOf(kept, ended, at) },
    ...(!next.isTombstone && { $unset: { deadSince: '' as const } }),
  }
}

function stateOf({ row: { user, expire, version, owner }, isTombstone }: NextState, at: number) {
  return { user, expire, version, owner, ...(isTombstone && { deadSince: at }) }
}

function recoveryOf(kept: readonly RecordEntry[], ended: readonly CompletionEntry[], at: number) {
  return kept.length + ended.length > 0 ? { settleAt: at + recoveryDelayMs } : {}
}

/** The result of an operation is the changed GUID. */
function completionOf(id: string, { guid, user, expire }: Guid): CompletionEntry {
  return { id, status: 'succeeded', text: JSON.stringify({ guid, user, expire: String(expire) }) }
}
