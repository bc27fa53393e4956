/** The state of the model of the cache by markers. */

export type MarkersSettings = {
  readonly writers: number
  readonly readers: number
  /** Of each reader, one after another. */
  readonly reads: number
  /** Whether a commit may take longer than a marker lives. */
  readonly commitsHang?: boolean
  /** How often Redis is emptied. */
  readonly flushes?: number
  /** How often the way to Redis leads to the other of two servers, for all clients at once. */
  readonly swaps?: number
  /** Whether the way changes for one client at a time. */
  readonly isSplit?: boolean
  readonly without?: 'marker' | 'deadline' | 'lease' | 'taint' | 'quarantine'
}

/** A value has a version, a lease its token, and markers their writers. */
type Key = {
  version: number
  lease: number
  markers: number[]
  isTainted: boolean
}
export type Server = { record: number; key: Key; earlier: number[] | undefined }
/** `generation` is 0 until it was read. */
export type Connection = { server: number; generation: number }
export type Writer = {
  at: 'idle' | 'marked' | 'committing' | 'ended'
  connection: Connection
  marked: Connection
  isLate: boolean
  hasEnded: boolean
  version: number
}
type Fill = { to: Connection; token: number; version: number }
type Reader = {
  at: 'idle' | 'empty' | 'loading'
  connection: Connection
  left: number
  floor: number
  token: number
}
export type State = {
  committed: number
  /** The greatest version that was acknowledged or returned. */
  shown: number
  stale: string
  servers: Server[]
  way: number
  generations: number
  tokens: number
  writers: Writer[]
  readers: Reader[]
  fills: Fill[]
  flushes: number
  swaps: number
}

export const emptyKey = (): Key => ({ version: -1, lease: 0, markers: [], isTainted: false })

export function initialState({ writers, readers, reads, flushes = 0, swaps = 0 }: MarkersSettings): State {
  const connection = () => ({ server: 0, generation: 1 })
  return {
    committed: 0,
    shown: 0,
    stale: '',
    servers: [
      { record: 1, key: emptyKey(), earlier: undefined },
      { record: 0, key: emptyKey(), earlier: undefined },
    ],
    way: 0,
    generations: 1,
    tokens: 0,
    writers: Array.from({ length: writers }, () => ({
      at: 'idle' as const,
      connection: connection(),
      marked: connection(),
      isLate: false,
      hasEnded: false,
      version: 0,
    })),
    readers: Array.from({ length: readers }, () => ({
      at: 'idle' as const,
      connection: connection(),
      left: reads,
      floor: 0,
      token: 0,
    })),
    fills: [],
    flushes,
    swaps,
  }
}

/** Copies what steps change in place. */
export function structuredCopy(state: State): State {
  return {
    ...state,
    servers: state.servers.map((one) => ({
      ...one,
      key: { ...one.key, markers: [...one.key.markers] },
    })),
    writers: state.writers.map((one) => ({
      ...one,
      connection: { ...one.connection },
      marked: { ...one.marked },
    })),
    readers: state.readers.map((one) => ({ ...one, connection: { ...one.connection } })),
    fills: [...state.fills],
  }
}
