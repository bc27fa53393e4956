import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '../errors/index.ts'
import { lettersMax, liveQueueOf } from './port.ts'
import type { DeadLetter, DeadLetterChoice, DeadLetterReasons, MoveOptions, QueueAdmin } from './port.ts'

/** What differs between brokers. `L` is a letter as the broker finds it again. */
export type DeadLetterStore<L extends DeadLetter> = {
  depth(queue: string): Promise<number>
  /** Calls `visit` with all dead letters, or at least with those of these ids, oldest first, until it returns false. */
  scan(deadQueue: string, ids: ReadonlySet<string> | undefined, visit: (letter: L) => boolean): Promise<void>
  /** Both pass over letters that are gone. */
  replay(deadQueue: string, letters: readonly L[], move: Move): Promise<void>
  remove(deadQueue: string, letters: readonly L[], move: Move): Promise<void>
}

/** A move of letters in progress. */
type Move = {
  /** The items in batches, each when the pace of the move permits it; the last of them comes early where the move was ended. */
  batches<T>(items: readonly T[], sizeMax: number): AsyncGenerator<readonly T[]>
  /** How many letters the pace permits in a minute, for a broker that holds what it is about to move. */
  readonly perMinute: number
  readonly isEnded: () => boolean
  /** To be called with the letters of each batch that were moved. */
  moved(letters: readonly DeadLetter[]): void
}

/** With a pace, letters are moved this often in a second at most. */
const batchesPerSecond = 10

/** The part of a broker's administration that is about its dead letters. */
export function createDeadLetterAdmin<L extends DeadLetter>(
  store: DeadLetterStore<L>,
): Pick<QueueAdmin, 'reasons' | 'deadAmong' | 'replay' | 'dropDead'> {
  async function choose(deadQueue: string, choice: DeadLetterChoice, expect?: number): Promise<L[]> {
    const { ids, reason, first } = choice
    const wanted = ids && new Set(ids)
    const enough = expect === undefined ? first : undefined
    const seenMax = expect === undefined || reason === undefined ? undefined : lettersMax
    const chosen: L[] = []
    let seen = 0
    await store.scan(deadQueue, wanted, (letter) => {
      seen += 1
      const isWanted = wanted?.has(letter.id) ?? true
      if (isWanted && (reason === undefined || letter.reason === reason)) chosen.push(letter)
      return chosen.length !== enough && seen !== seenMax
    })
    if (expect !== undefined && chosen.length !== expect) throw changed(deadQueue, chosen.length, expect)
    return chosen.slice(0, first)
  }

  async function moveChosen(
    work: DeadLetterStore<L>['replay'],
    deadQueue: string,
    choice: DeadLetterChoice,
    { expect, onProgress, ...pace }: MoveOptions = {},
  ): Promise<readonly DeadLetter[]> {
    liveQueueOf(deadQueue)
    const chosen = await choose(deadQueue, choice, expect)
    const moved: DeadLetter[] = []
    onProgress?.(chosen.length, moved)
    const move: Move = {
      ...createPace(pace),
      moved(letters) {
        const batch = letters.map(plainLetter)
        moved.push(...batch)
        onProgress?.(chosen.length, batch)
      },
    }
    await work(deadQueue, chosen, move).catch((error: unknown) => {
      throw afterSome(error, moved.length, chosen.length)
    })
    return moved
  }

  return {
    async reasons(deadQueue) {
      liveQueueOf(deadQueue)
      const total = await store.depth(deadQueue)
      const summary = createSummary()
      await store.scan(deadQueue, undefined, (letter) => summary.add(letter) < lettersMax)
      return summary.of(total)
    },

    async deadAmong(deadQueue, ids) {
      const found: DeadLetter[] = []
      await store.scan(deadQueue, ids, (letter) => {
        if (ids.has(letter.id)) found.push(plainLetter(letter))
        return true
      })
      return found
    },

    replay: (...chosen) => moveChosen(store.replay, ...chosen),
    dropDead: (...chosen) => moveChosen(store.remove, ...chosen),
  }
}

function changed(deadQueue: string, found: number, expected: number): AppError {
  return new AppError(
    'precondition_failed',
    `${deadQueue} has ${found} such dead letters now, and not ${expected}; nothing was changed.`,
  )
}

/** The error of a move that did not begin, or one with the number of letters that were moved. */
function afterSome(error: unknown, moved: number, chosen: number): unknown {
  if (moved === 0 || !(error instanceof AppError)) return error
  return new AppError(error.code, `${moved} of ${chosen} dead letters were moved. ${error.message}`, {
    cause: error,
  })
}

/** Without the members that its broker adds. */
function plainLetter({ id, reason, failedAt }: DeadLetter): DeadLetter {
  return { id, reason, ...(failedAt !== undefined && { failedAt }) }
}

function createPace({ perSecond, signal }: Pick<MoveOptions, 'perSecond' | 'signal'>): Omit<Move, 'moved'> {
  let nextAt = performance.now()

  /** Time that has passed without a batch is not made up for. */
  async function wait(count: number): Promise<void> {
    if (perSecond === undefined) return
    const waitMs = nextAt - performance.now()
    if (waitMs > 0) await pause(waitMs, undefined, signal && { signal }).catch(() => {})
    nextAt = Math.max(nextAt, performance.now()) + (count / perSecond) * 1_000
  }

  return {
    perMinute: perSecond === undefined ? Number.POSITIVE_INFINITY : perSecond * 60,
    isEnded: () => signal?.aborted === true,
    async *batches(items, sizeMax) {
      const size =
        perSecond === undefined ? sizeMax : Math.min(sizeMax, Math.ceil(perSecond / batchesPerSecond))
      for (let at = 0; at < items.length; at += size) {
        const batch = items.slice(at, at + size)
        await wait(batch.length)
        if (signal?.aborted) return
        yield batch
      }
    },
  }
}

type Group = { reason: string; count: number; firstAt?: number; lastAt?: number }

function createSummary() {
  const groups = new Map<string, Group>()
  let seen = 0
  return {
    /** The number of letters so far. */
    add({ reason, failedAt }: DeadLetter): number {
      const group = groups.get(reason) ?? { reason, count: 0 }
      groups.set(reason, group)
      group.count += 1
      if (failedAt !== undefined) {
        group.firstAt = Math.min(group.firstAt ?? failedAt, failedAt)
        group.lastAt = Math.max(group.lastAt ?? failedAt, failedAt)
      }
      seen += 1
      return seen
    },
    of(total: number): DeadLetterReasons {
      const sorted = [...groups.values()].sort((one, other) => other.count - one.count)
      return { groups: sorted, total: Math.max(total, seen), seen }
    },
  }
}
