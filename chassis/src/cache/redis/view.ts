import { setTimeout as pause } from 'node:timers/promises'
import { dependencyDown } from '../../errors/index.ts'
import type { CacheTimes, ControlRow } from '../port.ts'
import type { Peer } from './peer.ts'

/** The keys of one Redis from when it came into use until it was emptied or replaced. Those of other generations are never read. */
export type Generation = {
  /** The key of its record in Redis, and the record, verbatim. */
  readonly key: string
  readonly text: string
  readonly prefix: string
  /** By the clock of Redis: writes whose markers expired by then have taken effect or never will. */
  settledUntil: number
}

/** Allows a write, if the database admits it before `before`. */
export type WritePermit = {
  readonly generation: Generation
  readonly before: number
  /** Whether the new value may be stored. */
  readonly mayStore: boolean
}

/** The control row and the Redis as a process has read them last, and what it may do by that (docs/decisions/0021). */
export type View = ReturnType<typeof createView>

/** How long a write waits while a Redis is coming into use. */
const drainWaitMs = 4_000
const drainCheckMs = 20

export function createView(
  recordKeyOf: (generation: string) => string,
  { readLeaseMs, writeLeaseMs }: CacheTimes,
) {
  let row: ControlRow | undefined
  let peer: Peer | undefined
  let sentAt = Number.NEGATIVE_INFINITY
  let since = 0
  /** The generation of the row. */
  let ofRow: Generation | undefined
  /** The same, while the peer has it. */
  let matched: Generation | undefined
  let readableUntil = Number.NEGATIVE_INFINITY

  function match(): void {
    const isMatched = row !== undefined && row.instance === peer?.runId && row.generation === peer.generation
    matched = isMatched ? ofRow : undefined
    readableUntil =
      matched !== undefined && row?.mode === 'on' ? sentAt + readLeaseMs : Number.NEGATIVE_INFINITY
  }

  function permit(): WritePermit | undefined {
    if (matched === undefined || (row?.mode !== 'on' && row?.mode !== 'warming')) return undefined
    const before = sentAt + writeLeaseMs
    return performance.now() < before
      ? { generation: matched, before, mayStore: row.mode === 'on' }
      : undefined
  }

  /** Whether the Redis at the other end is that of a row that was read lately, so that it is or will soon be in use. */
  function isComing(): boolean {
    return peer !== undefined && peer.runId === row?.instance && performance.now() < sentAt + writeLeaseMs
  }

  return {
    row: () => row,
    isMatched: () => matched !== undefined,
    /** When this process first read the generation of the row, or later. */
    since: () => since,

    /** Takes the row over whose reading was sent at `sent`. */
    adopt(found: ControlRow, sent: number): void {
      if (row === undefined || found.generation !== row.generation) {
        since = performance.now()
        const [key, text] = [recordKeyOf(found.generation), found.generation]
        ofRow = { key, text, prefix: `${key}:`, settledUntil: 0 }
      }
      row = found
      sentAt = sent
      match()
    },

    connect(found: Peer | undefined): void {
      peer = found
      match()
    },

    /** The generation that may be read now; undefined for none. */
    readable: (): Generation | undefined => (performance.now() < readableUntil ? matched : undefined),

    permit,

    isComing,

    /** Resolves to the permission to write, at once or when the Redis has come into use; else rejects with `dependency_down`. */
    async writable(): Promise<WritePermit> {
      for (const startedAt = performance.now(); ; await pause(drainCheckMs)) {
        const permitted = permit()
        if (permitted !== undefined) return permitted
        if (!isComing() || performance.now() - startedAt > drainWaitMs)
          throw dependencyDown('The cache is not in use, and nothing may be changed without it.')
      }
    },
  }
}
