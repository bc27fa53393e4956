import type { Arbiter, Entry } from '@quintet/chassis/cache'
import type { Clock, Deadline } from '@quintet/chassis/clock'
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
  readonly guids: GuidStore
  readonly operations: OperationStore
  readonly idempotencyStore: IdempotencyStore
  /** Periodic work of this engine alone. */
  readonly sweeps: readonly Sweep[]
}

/**
 * GUIDs in a database, without the cache. A GUID whose expiry has passed counts as absent in every operation, and each
 * change is committed together with its event.
 */
export type GuidStore = {
  /** The version for the next `create`, known beforehand so that the response can be recorded in the same unit. */
  nextVersion(): number
  /** Returns without a promise where the engine can. */
  find(guid: string): Entry | undefined | Promise<Entry | undefined>
  /** A page in the order of expiry. */
  list(page: GuidPage): Promise<readonly ListedGuid[]>
  /** The kind of `ListedGuid.id`. */
  readonly idKind: 'integer' | 'guid'
  /** Inserts a GUID, in place of an expired one where there is one. */
  create(row: Guid, options: WriteOptions): Promise<'created' | 'exists'>
  /** Changes a GUID if it has the given version; `undefined` allows any. Resolves to `undefined` when there is none such. */
  update(
    guid: string,
    change: GuidChange,
    version: number | undefined,
    options: WriteOptions,
  ): Promise<Guid | undefined>
  /** Deletes a GUID if it has the given version; `undefined` allows any. Resolves to false when there is none such. */
  delete(guid: string, version: number | undefined, deadline: Deadline): Promise<boolean>
  /** Removes at most `limit` expired GUIDs; resolves to their number. */
  sweep(limit: number): Promise<number>
}

/**
 * What is committed in one unit with a change: records of its response, and the completion of the operation with this id,
 * whose result is the changed GUID. The change rejects with `DuplicateRequest` where a key has a record already, and with
 * `OperationCompleted` where the operation is no longer pending.
 */
export type CommitWith = { readonly records?: readonly IdempotencyRecord[]; readonly operation?: string }

type WriteOptions = CommitWith & { readonly deadline: Deadline }

export type GuidPage = {
  readonly user?: string
  readonly expiringBefore?: number
  readonly after?: { readonly expire: number; readonly id: number | string }
  readonly limit: number
}
export type GuidChange = { readonly user?: string; readonly expire?: number }

/** A GUID with the id of its row, which orders GUIDs that expire in the same second. */
type ListedGuid = Guid & { readonly id: number | string }

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

/** `result` and `problem` are JSON texts. */
export type Operation = {
  readonly id: string
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
