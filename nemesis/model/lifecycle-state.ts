import type { Marker } from './arbitrated-state.ts'
import { of } from './explore.ts'
import type { AddStep } from './explore.ts'

/** The state of the model of a GUID's life: its versions and its expiry. */

export type LifecycleSettings = {
  /**
   * Of each process, in ticks: how far its own clock is from that of the database, and how far ahead its estimate of that one is,
   * which is never behind.
   */
  readonly processes: readonly { readonly offset: number; readonly ahead: number }[]
  readonly writers: readonly {
    readonly process: number
    /** How many calls it makes, one after another, and of which kinds. */
    readonly calls: number
    readonly kinds: readonly Kind[]
  }[]
  /** What registrations and changes may set the expiry to. */
  readonly expiries: readonly number[]
  /** The expiry of the GUID at the beginning; without it there is none. */
  readonly registeredUntil?: number
  /** Time begins with 0 and ends with this. */
  readonly timeMax: number
  /** Readers use a cache, which there is only with them. */
  readonly readers?: readonly { readonly process: number; readonly reads: number }[]
  /** Whether a commit may take any time after the last comparison with the clock. */
  readonly commitsHang?: boolean
  /** The part of the rules that is left out. */
  readonly without?:
    | 'versions of the database'
    | 'versions of removed rows'
    | 'versions of swept rows'
    | 'floor after insert'
    | 'clock of the database'
    | 'clock after the wait'
    | 'clock at the commit'
    | 'clock at the response'
    | 'deadline'
    | 'settling of markers'
}

export type Kind = 'create' | 'change' | 'delete' | 'sweep'

export type Row = { readonly version: number; readonly expire: number }

/** The row, or its absence, after a number of commits. */
export type Seen = { readonly commits: number; readonly row: Row | null }

export type Writer = {
  at: 'idle' | 'waiting' | 'holding' | 'committing' | 'answering'
  calls: number
  kind: Kind
  /** The time and the floor when the call began. */
  began: number
  floorThen: number
  /** What is proposed, and later that of the row. */
  version: number
  /** 0 for one that stays as it is. */
  expire: number
  /** The time before which the unit must commit. */
  commitBefore: number
  /** Of a registration: how often it was tried, and whether it is to replace an expired row. */
  attempt: number
  replaces: boolean
  /** Its marker in the cache, and the time left for the write to be admitted. */
  token: number
  left: number
}

type Reader = {
  at: 'idle' | 'getting' | 'empty' | 'loading' | 'answering'
  reads: number
  /** The commits that had been shown when the read began. */
  floor: number
  token: number
  seen: Seen | null
}

type Key = { value: Seen | null; lease: number; markers: readonly Marker[]; isTainted: boolean }

/** To the cache, sent and not arrived yet. `value` is null where the key is to be left empty. */
type Message = { readonly kind: 'fill' | 'end'; readonly token: number; readonly value: Seen | null }

export type State = {
  time: number
  /** The promise that is broken, in words. */
  broken: string
  row: Row | null
  /** The largest version of the rows that were removed, and of all. */
  floor: number
  highest: number
  commits: number
  /** The greatest number of commits that was acknowledged or returned. */
  shown: number
  /** The writer that has locked the row; -1 for none. */
  lock: number
  /** The last version that each process has proposed. */
  proposed: number[]
  writers: Writer[]
  readers: Reader[]
  key: Key
  tokens: number
  messages: Message[]
  /** The markers of writes that are known to have ended; and those of which that is being found out. */
  settled: readonly number[]
  settling: { readonly markers: readonly number[]; readonly waiting: readonly number[] } | null
}

/** In ticks: a write has to be admitted within D of its marker, which expires after M. */
export const D = 1
export const M = 2

/** The number from which the clocks of processes propose versions; above all differences between clocks. */
export const clockStart = 3

/** How often a registration is tried while others of the GUID come and go. */
export const attemptsMax = 2

export type Add = AddStep<State>

export const emptyKey = (): Key => ({ value: null, lease: 0, markers: [], isTainted: false })

export const idleWriter = (calls: number): Writer => ({
  at: 'idle',
  calls,
  kind: 'create',
  began: 0,
  floorThen: 0,
  version: 0,
  expire: 0,
  commitBefore: 0,
  attempt: 0,
  replaces: false,
  token: 0,
  left: 0,
})

export const idleReader = (reads: number): Reader => ({ at: 'idle', reads, floor: 0, token: 0, seen: null })

export function initialState({
  processes,
  writers,
  readers = [],
  registeredUntil,
}: LifecycleSettings): State {
  return {
    time: 0,
    broken: '',
    row: registeredUntil === undefined ? null : { version: 1, expire: registeredUntil },
    floor: 0,
    highest: registeredUntil === undefined ? 0 : 1,
    commits: 0,
    shown: 0,
    lock: -1,
    proposed: processes.map(() => 0),
    writers: writers.map(({ calls }) => idleWriter(calls)),
    readers: readers.map(({ reads }) => idleReader(reads)),
    key: emptyKey(),
    tokens: 0,
    messages: [],
    settled: [],
    settling: null,
  }
}

/** Copies what steps change in place. */
export function copyOf(state: State): State {
  return {
    ...state,
    proposed: [...state.proposed],
    writers: state.writers.map((writer) => ({ ...writer })),
    readers: state.readers.map((reader) => ({ ...reader })),
    key: { ...state.key },
    messages: [...state.messages],
  }
}

/** The time by which the statements of a writer judge. */
export function judgedTime(
  state: State,
  i: number,
  { without, processes, writers }: LifecycleSettings,
): number {
  if (without === 'clock after the wait') return of(state.writers, i).began
  if (without === 'clock of the database') return state.time + of(processes, of(writers, i).process).offset
  return state.time
}

/** What a process takes for the time of the database. */
export function estimate(state: State, process: number, { processes, without }: LifecycleSettings): number {
  const { offset, ahead } = of(processes, process)
  return state.time + (without === 'clock of the database' ? offset : ahead)
}
