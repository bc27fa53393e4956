import { of } from './explore.ts'
import type { AddStep } from './explore.ts'

/** The state of the model of the arbitrated cache. */

export type ArbitratedSettings = {
  readonly processes: number
  /** The process of each writer and of each reader. */
  readonly writers: readonly number[]
  readonly readers: readonly number[]
  /** Of each reader, one after another. */
  readonly reads: number
  /** How often a process reaches the other server, the first server is emptied, and restarts with an older content. */
  readonly faults?: { readonly moves?: number; readonly flushes?: number; readonly restarts?: number }
  /** The processes whose way may change; all by default. */
  readonly movers?: readonly number[]
  readonly generationsMax?: number
  /** The part of the protocol that is left out. */
  readonly without?:
    | 'settling of markers'
    | 'deadline'
    | 'read lease'
    | 'write lease'
    | 'settling of writes'
    | 'time of sending'
    | 'taint'
    | 'warming'
    | 'connection'
}

/** The row of the database. */
export type Row = {
  readonly epoch: number
  readonly mode: 'none' | 'draining' | 'warming' | 'on'
  readonly generation: number
  readonly instance: number
}

/** A marker of one writer, or several that have expired, as one; `left` until it expires. */
export type Marker = { readonly of: readonly number[]; readonly left: number }

type Key = { version: number; lease: number; markers: readonly Marker[]; isTainted: boolean }

/** `keys`: the key in each generation. */
type Server = { run: number; record: number; keys: Record<number, Key> }

/** A row as it was read, and the time since that reading was sent. */
type Reading = { readonly row: Row; readonly age: number }

export type Process = {
  server: number
  /** The Redis at the other end, as it was read last. */
  peer: { readonly run: number; readonly record: number } | null
  view: Reading
  /** A row whose reading is under way. */
  poll: Row | null
  /** Since the present generation was read first. */
  since: number
  /** Writers whose expired markers are known to belong to writes that have ended. */
  settled: readonly number[]
  settling: { readonly markers: readonly number[]; readonly waiting: readonly number[] } | null
  /** The writes that must end before reads are allowed. */
  promoting: readonly number[] | null
  /** The generation whose record it has written and that the row does not name yet. */
  taking: { readonly generation: number; readonly epoch: number } | null
}

export type Writer = {
  process: number
  at: 'idle' | 'allowed' | 'marked' | 'committing' | 'ended'
  server: number
  generation: number
  mayStore: boolean
  /** Until its deadline. */
  left: number
  version: number
  hasEnded: boolean
}

type Reader = {
  process: number
  at: 'idle' | 'getting' | 'empty' | 'loading'
  left: number
  floor: number
  token: number
  server: number
  generation: number
}

type Fill = {
  readonly token: number
  readonly server: number
  readonly generation: number
  readonly version: number
}

export type State = {
  committed: number
  /** The greatest version that was acknowledged or returned. */
  shown: number
  stale: string
  row: Row
  servers: Server[]
  runs: number
  generations: number
  tokens: number
  processes: Process[]
  writers: Writer[]
  readers: Reader[]
  fills: Fill[]
  faults: { moves: number; flushes: number; restarts: number }
  snapshot: Server | null
}

/**
 * The durations of docs/decisions/0021, in ticks: a reading of the row allows reads for R and writes for W; a write has to be
 * admitted within D of its marker, which expires after M.
 */
export const R = 1
export const W = 2
export const D = 2
export const M = 3

export type Without = ArbitratedSettings['without']

export type Add = AddStep<State>

export const emptyKey = (): Key => ({ version: -1, lease: 0, markers: [], isTainted: false })

/** The markers of other writers that still count; those that have expired as one. */
export function keepOthers(markers: readonly Marker[], own: number, settled: readonly number[]): Marker[] {
  const isOwn = (marker: Marker) => marker.of.length === 1 && marker.of[0] === own
  const others = markers.filter((marker) => !isOwn(marker))
  const valid = others.filter(({ left }) => left > 0)
  const expired = others
    .filter(({ left }) => left === 0)
    .flatMap((marker) => marker.of)
    .filter((writer) => !settled.includes(writer))
  return expired.length === 0 ? valid : [...valid, { of: expired.toSorted(), left: 0 }]
}

/** Copies what steps change in place. */
export function structuredCopy(state: State): State {
  return {
    ...state,
    servers: state.servers.map((server) => ({
      ...server,
      keys: Object.fromEntries(
        Object.entries(server.keys).map(([generation, key]) => [generation, { ...key }]),
      ),
    })),
    processes: state.processes.map((process) => ({ ...process })),
    writers: state.writers.map((writer) => ({ ...writer })),
    readers: state.readers.map((reader) => ({ ...reader })),
    fills: [...state.fills],
    faults: { ...state.faults },
  }
}

/** Whether the Redis at the other end of the connection is the one of the row, as both were read last. */
export function isMatched({ view, peer }: Process): boolean {
  return peer !== null && view.row.instance === peer.run && view.row.generation === peer.record
}

/** The writes that were admitted, whose deadline has passed, and which have not ended. */
export function overdue({ writers }: State): number[] {
  return [...writers.keys()].filter((i) => of(writers, i).at === 'committing' && of(writers, i).left === 0)
}
