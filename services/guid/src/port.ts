import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Outbox } from '@quintet/chassis/outbox'
import type { Sweep } from '@quintet/chassis/sweeper'
import type { GuidCommand } from '@quintet/contracts'
import type { Guid } from './guid.ts'

/** One database of the service, of whichever engine. */
export type Storage = {
  /** Whether no other process can be writing. */
  isSingleProcess(): boolean
  /** Rejects when it cannot be used. */
  ping(): Promise<void>
  /** What is still to reach the queue. */
  readonly outbox: Outbox
  createStores(parts: StoreParts): Stores
  close(): Promise<void>
}

export type StoreParts = {
  readonly cache: Cache
  readonly clock: Clock
  readonly backlogMax: number
  /** Says that something waits in the outbox. */
  wake(): void
}

export type Stores = {
  readonly guids: GuidStore
  readonly operations: OperationStore
  readonly idempotencyStore: IdempotencyStore
  /** What else has to be looked after from time to time. */
  readonly sweeps: readonly Sweep[]
}

/**
 * GUIDs, wherever they are kept. What has expired by the clock counts as absent everywhere, and each change is told by an
 * event that is kept with it.
 */
export type GuidStore = {
  /** The version that the next `create` will give, so that an answer can be kept in the unit that makes it true. */
  nextVersion(): number
  /** What a live GUID stands for; without a promise where it can be. */
  find(guid: string): Entry | undefined | Promise<Entry | undefined>
  /** A page of live GUIDs, those that end first before the others. */
  list(page: GuidPage): Promise<readonly Placed[]>
  /** Of what kind the `place` of a GUID is. */
  readonly placeType: 'number' | 'string'
  /** Registers a GUID, or tells that it is `live` already. An expired one may be registered again. */
  create(row: Guid, beside?: CommitWith & IsNew): Promise<'created' | 'live'>
  /** Changes a live GUID, given its version if that must still be the one; undefined when none fits. */
  update(guid: string, change: GuidChange, version?: number, beside?: CommitWith): Promise<Guid | undefined>
  /** Deletes a live GUID, given its version if that must still be the one; false when none fits. */
  delete(guid: string, version?: number): Promise<boolean>
  /** Removes GUIDs that have expired, `limit` at most; resolves to how many. */
  sweep(limit: number): Promise<number>
}

/**
 * What is kept in the very unit of a change: the answers that tell of it, and that it ends the operation with this id, whose
 * result is the GUID as it then is. The change rejects with `DuplicateRequest` where there is such an answer already, and
 * with `OperationOver` where the operation has ended.
 */
export type CommitWith = { readonly records?: readonly IdempotencyRecord[]; readonly operation?: string }

/**
 * A GUID that is `untold` was made at random for this very call, so nobody can have asked for it and no cache can hold
 * anything of it.
 */
export type IsNew = { readonly isNew?: boolean }

export type GuidPage = {
  readonly user?: string
  readonly expiringBefore?: number
  readonly after?: { readonly expire: number; readonly place: number | string }
  readonly limit: number
}
export type GuidChange = { readonly user?: string; readonly expire?: number }

/** A GUID with what tells it apart from those that end in the same second. */
export type Placed = Guid & { readonly place: number | string }

/**
 * Work that was accepted with 202, from `pending` to `succeeded` or `failed`. A command is kept with its operation and
 * reaches the queue by way of the outbox, so an accepted one is never lost, whether the queue is up or not.
 */
export type OperationStore = {
  newId(): string
  find(id: string): Promise<Operation | undefined>
  /** Keeps a command for the workers, or refuses with `overloaded` when too many are waiting. */
  accept(id: string, command: GuidCommand, answers: readonly IdempotencyRecord[]): Promise<void>
  /** Ends an operation that had no effect; one that is over stays as it is. */
  fail(id: string, problem: Readonly<Record<string, unknown>>): Promise<void>
  /** Forgets operations that have been over for 24 hours, `limit` at most; resolves to how many. */
  sweep(limit: number): Promise<number>
}

/** Its result and its problem are JSON texts. */
export type Operation = {
  readonly id: string
  readonly status: 'pending' | 'succeeded' | 'failed'
  readonly result: string | null
  readonly problem: string | null
}

/** The operation is over, as its command finds when it is delivered again. */
export class OperationOver extends Error {}

export const eventsStream = 'guid.events'
export const commandsQueue = 'guid.commands'

/** How long an operation that is over can be looked at. */
export const operationKeptMs = 24 * 3_600_000
