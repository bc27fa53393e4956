import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { Collection, MongoConnection } from './connection.ts'
import type { GuidEvent } from '@quintet/contracts'

/**
 * What MongoDB keeps. A document is all that can be changed at once, so each one has in it what a change of it entails:
 * the events to be told, the answer to be kept, the end of an operation. From there these are carried on, and may be by
 * anybody, for each step can be repeated. See docs/decisions/0016-one-document-is-the-unit-in-mongodb.md.
 */
export type GuidDocument = {
  _id: string
  user: string
  /** Unix seconds; 0 where the GUID was deleted or told as expired, so that only its lists are of use. */
  expire: number
  version: number
  /** Rises with every write that must not be overtaken: each is made on the condition that it stands as it was read. */
  revision: number
  /** Since when there is nothing but the lists, in milliseconds. */
  deadSince?: number
  outbox: readonly OutboxEvent[]
  /** Since when something waits in the outbox. */
  due?: number
  kept: readonly RecordEntry[]
  ended: readonly EndedEntry[]
  /** From when on a sweeper looks after what is left in `kept` and `ended`. */
  settleAt?: number
}

export type OutboxEvent = { readonly id: string; readonly body: string; readonly createdAt: number }

/**
 * An answer, kept in the document whose change it tells of until it stands in its binding. One without an answer is there
 * to make the change of its writer impossible.
 */
export type RecordEntry = {
  /** Of the binding, and of the request that made it. */
  readonly id: string
  readonly token: string
  readonly createdAt: number
  readonly answer?: RecordedResponse
}

/** How an operation ended, until that stands in the operation itself; a result or a problem as JSON. */
export type EndedEntry = {
  readonly id: string
  readonly status: 'succeeded' | 'failed'
  readonly text: string
}

export type OperationDocument = {
  _id: string
  guid: string
  /** `void` is one that its writer must not make any more. */
  status: 'pending' | 'succeeded' | 'failed' | 'void'
  result?: string
  problem?: string
  changedAt: number
  command: string
  kept: readonly RecordEntry[]
  settleAt?: number
  /** Of those whose command has not reached the queue: its place among them. */
  due?: number
  order?: number
}

/** Where the answer of an Idempotency-Key is, or will be: here, or in the document that its request changes. */
export type BindingDocument = {
  _id: string
  /** Of the one request that made this binding. */
  token: string
  fingerprint: string
  createdAt: number
  at?: Place
  answer?: RecordedResponse
}

/** The document that a request changes. */
export type Place = { readonly in: 'guids' | 'operations'; readonly id: string }

/** The lease of the relay, with the name of this database; and counters that put commands in order. */
export type ControlDocument = {
  _id: string
  source?: string
  holder?: string | null
  leaseUntil?: number
  at?: number
  count?: number
}

export type Collections = {
  readonly guids: Collection<GuidDocument>
  readonly operations: Collection<OperationDocument>
  readonly idempotency: Collection<BindingDocument>
  readonly control: Collection<ControlDocument>
}

export const relayId = 'relay'

export function collectionsOf(link: Pick<MongoConnection, 'collection'>): Collections {
  return {
    guids: link.collection('guids'),
    operations: link.collection('operations'),
    idempotency: link.collection('idempotency'),
    control: link.collection('control'),
  }
}

/**
 * How long what is dead stands in the way of who saw the time before it: a consumer or a request that has stalled does not
 * do what another has undone meanwhile.
 */
export const tombstoneRetentionMs = 3_600_000

/** How long those who made a change have to carry on what it entails, before a sweeper does. */
export const recoveryDelayMs = 5_000

/**
 * How many documents are changed by one command. It must be over before its limit of time, and a server that holds something
 * for each of them until the end, as FerretDB does, must have enough of it.
 */
const changesPerCommandMax = 25

export function inChunks<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / changesPerCommandMax)
  return Array.from({ length: count }, (_, i) =>
    all.slice(i * changesPerCommandMax, (i + 1) * changesPerCommandMax),
  )
}

/** The place of a GUID that is not there, where something must stand all the same. */
export function tombstone(guid: string, nowMs: number): GuidDocument {
  const document = { _id: guid, user: '', expire: 0, version: 0, revision: 0, deadSince: nowMs }
  return { ...document, outbox: [], kept: [], ended: [] }
}

export function outboxEvent(event: GuidEvent, createdAt: number): OutboxEvent {
  const { guid, version, type } = event
  return { id: `${guid}-${version}-${type}`, body: JSON.stringify(event), createdAt }
}
