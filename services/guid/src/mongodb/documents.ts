import type { Clock } from '@quintet/chassis/clock'
import type { Owner } from '@quintet/chassis/guard'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { GuidEvent } from '@quintet/contracts'
import type { Guid } from '../guid.ts'
import type { Collection, MongoConnection } from './connection.ts'

/**
 * The documents in MongoDB. Only a single document can be changed atomically, so it holds everything that its change
 * entails: events, recorded responses, completions of operations. From there each is transferred to its destination in steps
 * that any process may repeat. See docs/decisions/0016-one-document-is-the-unit-in-mongodb.md.
 * Databases have the names of these fields, so renaming one takes a migration.
 */
export type GuidDocument = {
  _id: string
  user: string
  /** Absent in what an earlier version has written. */
  owner?: Owner
  /** Unix seconds; 0 in a tombstone. */
  expire: number
  /** 0 in a document that has only been a tombstone. */
  version: number
  /** Rises with every write that must not overtake another: each is made on the condition that it is as it was read. */
  revision: number
  /** When it became a tombstone, in milliseconds. */
  deadSince?: number
  outbox: readonly OutboxEvent[]
  /** Since when there are events in the outbox. */
  due?: number
  kept: readonly RecordEntry[]
  ended: readonly CompletionEntry[]
  /** When a sweeper transfers what is left in `kept` and `ended`. */
  settleAt?: number
}

export type OutboxEvent = { readonly id: string; readonly body: string; readonly createdAt: number }

/**
 * A recorded response, in the document whose change it reports until it is in its binding. An entry without a response makes
 * the change of a request impossible that has stalled.
 */
export type RecordEntry = {
  /** The id of the binding, and the token of the request that made it. */
  readonly id: string
  readonly token: string
  readonly createdAt: number
  readonly answer?: RecordedResponse
}

/** The outcome of an operation, until it is in the operation; `text` is its result or its problem as JSON. */
export type CompletionEntry = {
  readonly id: string
  readonly status: 'succeeded' | 'failed'
  readonly text: string
}

export type OperationDocument = {
  _id: string
  /** Absent where nobody owns it. */
  owner?: string
  guid: string
  /** `void` is a placeholder that keeps a stalled request from inserting the operation. */
  status: 'pending' | 'succeeded' | 'failed' | 'void'
  result?: string
  problem?: string
  changedAt: number
  command: string
  kept: readonly RecordEntry[]
  settleAt?: number
  /** The position of its command in the outbox, until that has reached the queue. */
  due?: number
  order?: number
}

/** Binds an Idempotency-Key to its response, which is here, or else in the document that its request changes. */
export type BindingDocument = {
  _id: string
  /** Identifies the request that made this binding. */
  token: string
  fingerprint: string
  createdAt: number
  at?: DocumentReference
  answer?: RecordedResponse
}

/** The document that a request changes. */
export type DocumentReference = { readonly in: 'guids' | 'operations'; readonly id: string }

/** The relay's lease, with the name of this database; counters that put commands in order; the floor of versions. */
type ControlDocument = {
  _id: string
  source?: string
  holder?: string | null
  leaseUntil?: number
  at?: number
  count?: number
  version?: number
}

type Collections = {
  readonly guids: Collection<GuidDocument>
  readonly operations: Collection<OperationDocument>
  readonly idempotency: Collection<BindingDocument>
  readonly control: Collection<ControlDocument>
}

/** What every store in MongoDB needs. */
export type MongoContext = {
  readonly connection: MongoConnection
  readonly collections: Collections
  /** That of the server, as this process estimates it, so that processes judge expiry and each other's documents alike. */
  readonly clock: Clock
}

export const relayId = 'relay'

/** The documents with something in the outbox. */
export const waiting = { due: { $gt: 0 } }

export function collectionsOf(connection: Pick<MongoConnection, 'collection'>): Collections {
  return {
    guids: connection.collection('guids'),
    operations: connection.collection('operations'),
    idempotency: connection.collection('idempotency'),
    control: connection.collection('control'),
  }
}

/**
 * How long tombstones are kept: longer than a stalled consumer or request can live, so that it cannot recreate a deleted
 * GUID.
 */
export const tombstoneRetentionMs = 3_600_000

/** How long the process that made a change has for its transfers, before a sweeper makes them. */
export const recoveryDelayMs = 5_000

/**
 * How many documents one command changes. It must end within its time limit, and a server that uses memory or locks for each
 * of them until the end, as FerretDB does, must not run out of them.
 */
const changesPerCommandMax = 25

export function inChunks<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / changesPerCommandMax)
  return Array.from({ length: count }, (_, i) =>
    all.slice(i * changesPerCommandMax, (i + 1) * changesPerCommandMax),
  )
}

/** The document of a GUID that does not exist. */
export function tombstone(guid: string, nowMs: number): GuidDocument {
  const document = { _id: guid, user: '', expire: 0, version: 0, revision: 0, deadSince: nowMs }
  return { ...document, outbox: [], kept: [], ended: [] }
}

export function rowOf({ _id, user, expire, version, owner = null }: GuidDocument): Guid {
  return { guid: _id, user, expire, version, owner }
}

export function expiredEvent(document: GuidDocument): GuidEvent {
  return { type: 'guid.expired', ...rowOf(document) }
}

export function outboxEvent(event: GuidEvent, createdAt: number): OutboxEvent {
  const { guid, version, type } = event
  return { id: `${guid}-${version}-${type}`, body: JSON.stringify(event), createdAt }
}
