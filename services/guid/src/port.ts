import type { Arbiter, Entry } from '@quintet/chassis/cache'
import type { Clock, Deadline } from '@quintet/chassis/clock'
import type { EngineClock } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Outbox } from '@quintet/chassis/outbox'
import type { Sweep } from '@quintet/chassis/sweeper'
import type { GuidCommand } from '@quintet/contracts'
import type { Guid } from './guid.ts'

/** The database of the service, on any engine. */
export type Storage = {
  /** Whether no other process can write to it. */
  isSingleProcess(): boolean
  /** Its part in the protocol of the cache. */
  readonly arbiter: Arbiter
  /** Rejects when it cannot be used. */
  ping(): Promise<void>
  /** Messages that have not reached the queue yet. */
  readonly outbox: Outbox
  createStores(clock: Clock): Stores
  close(): Promise<void>
}

type Stores = {
  /** The clock by which the database judges expiry, as this process estimates it. */
  readonly engineClock: EngineClock
  /** That clock itself, read now. */
  readEngineClock(): Promise<number>
  readonly guids: GuidStore
  readonly operations: OperationStore
  readonly idempotencyStore: IdempotencyStore
  /** Periodic work of this engine alone. */
  readonly sweeps: readonly Sweep[]
}

/**
 * GUIDs in a database, without the cache. A GUID whose expiry has passed counts as absent in every operation: the database judges
 * that by its own clock, for a change when it commits. Each change is committed together with its event.
 */
export type GuidStore = {
  /** Returns without a promise where the engine can. */
  find(guid: string): Entry | undefined | Promise<Entry | undefined>
  /** A page in the order of expiry. */
  list(page: GuidPage): Promise<readonly ListedGuid[]>
  /** Up to `max` GUIDs at random, some of which may have expired. */
  sample(max: number): Promise<readonly string[]>
  /** The kind of `ListedGuid.id`. */
  readonly idKind: 'integer' | 'guid'
  /** Registers a GUID, in place of an expired one where there is one; resolves to its version, larger than any it has had. */
  create(registration: Registration, options: CreateOptions & WriteOptions): Promise<CreateOutcome>
  /**
   * Changes a GUID that meets the condition. Resolves to `undefined` when there is none such, or when its new expiry had passed at
   * the commit.
   */
  update(
    guid: string,
    change: GuidChange,
    condition: GuidCondition,
    options: WriteOptions,
  ): Promise<Guid | undefined>
  /** Deletes a GUID that meets the condition. Resolves to false when there is none such. */
  delete(guid: string, condition: GuidCondition, deadline: Deadline): Promise<boolean>
  /** Removes at most `limit` expired GUIDs; resolves to their number. */
  sweep(limit: number): Promise<number>
}

/** The version of the new GUID; or why nothing was stored: there is one, or the expiry had passed at the commit. */
export type CreateOutcome = number | 'exists' | 'expired'

export type Registration = Omit<Guid, 'version'>

/**
 * What is committed in one unit with a change: the completion of the operation with this id, whose result is the changed GUID.
 * The change rejects with `OperationCompleted` where the operation is no longer pending.
 */
export type CommitWith = { readonly operation?: string }

export type CreateOptions = CommitWith & {
  /**
   * The records of the response, which has the version, for the same unit. The registration rejects with `DuplicateRequest` where
   * a key has a record already.
   */
  readonly records?: (version: number) => readonly IdempotencyRecord[]
  /** Whether the GUID was generated for this very call: it has never had a version, and no cache has an entry of it. */
  readonly isNew?: boolean
}

type WriteOptions = CommitWith & { readonly deadline: Deadline }

/** The only version that is changed, and the only owner whose GUID is; each may be any. */
export type GuidCondition = { readonly version: number | undefined; readonly owner: Owner }

export type GuidPage = {
  /** Only GUIDs of this owner; with null, those that nobody owns. */
  readonly owner?: Owner
  readonly user?: string
  readonly expiringBefore?: number
  readonly after?: { readonly expire: number; readonly id: number | string }
  readonly limit: number
}
export type GuidChange = { readonly user?: string; readonly expire?: number }

/** A GUID with the id of its row, which orders GUIDs that expire in the same second. */
export type ListedGuid = Guid & { readonly id: number | string }

/**
 * Work that was accepted with 202: `pending`, then `succeeded` or `failed`. A command is committed with its operation and
 * reaches the queue through the outbox, so an accepted command is not lost while the queue is unavailable.
 */
export type OperationStore = {
  find(id: string): Promise<Operation | undefined>
  /** Stores a command for the workers, with records of its response. */
  accept(id: string, command: GuidCommand, records: readonly IdempotencyRecord[]): Promise<void>
  /** The number of pending operations, or `limit` if there are more. */
  countPending(limit: number): Promise<number>
  /** Completes a pending operation that had no effect; a completed one is left unchanged. */
  fail(id: string, problem: Readonly<Record<string, unknown>>): Promise<void>
  /** Removes at most `limit` operations that were completed 24 hours ago or earlier; resolves to their number. */
  sweep(limit: number): Promise<number>
}

/** `result` and `problem` are JSON texts. The owner is who has requested it. */
export type Operation = {
  readonly id: string
  readonly owner: Owner
  readonly status: 'pending' | 'succeeded' | 'failed'
  readonly result: string | null
  readonly problem: string | null
}

/** The operation is completed, as when its command is delivered again. */
export class OperationCompleted extends Error {}

export { guidEventsStream as eventsStream } from '@quintet/contracts'
export const commandsQueue = 'guid.commands'

/** How long a completed operation can be read. */
export const operationRetentionMs = 24 * 3_600_000
