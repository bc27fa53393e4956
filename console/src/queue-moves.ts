import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import { AppError, operatorMessage } from '@quintet/chassis/errors'
import { describeOutcome, followReplay, liveQueueOf } from '@quintet/chassis/queue'
import type { DeadLetterChoice, QueueAdmin, ReplayOutcome } from '@quintet/chassis/queue'
import type { Move } from './wire/index.ts'

const keptMax = 100
/** How many letters a move takes at most. */
const lettersPerMove = 10_000
/** How long a request waits for the end of its move, before the move goes on without it. */
const patienceMs = 500
/** How often the outcome of a move is read, however many clients follow it. */
const lookIntervalMs = 500

type Wanted = {
  readonly kind: Move['kind']
  /** Of the dead letters. */
  readonly name: string
  readonly admin: QueueAdmin
  readonly choice: DeadLetterChoice
  readonly expect: number
  readonly perSecond: number | undefined
}

export type Moves = {
  /** Begins a move, and waits a while for its end. Rejects where it does not begin, or fails meanwhile. */
  begin(wanted: Wanted): Promise<Move>
  /** What has become of a move; undefined for one that is not kept any more. */
  find(id: string): Promise<Move | undefined>
  close(): Promise<void>
}

type Followed = { readonly isRunning: () => boolean; readonly name: string; see(): Promise<Move> }

/** Moves of dead letters that clients have begun, the last of which are kept to be followed. One queue has one at a time. */
export function createMoves(clock: Clock): Moves {
  const kept = new Map<string, Followed>()
  const closing = new AbortController()
  const running = new Set<Promise<unknown>>()

  function keep(id: string, move: Followed): void {
    kept.set(id, move)
    for (const [oldest, { isRunning }] of kept) {
      if (kept.size <= keptMax) return
      if (!isRunning()) kept.delete(oldest)
    }
  }

  return {
    async begin(wanted) {
      const { name } = wanted
      if ([...kept.values()].some((move) => move.name === name && move.isRunning()))
        throw new AppError('conflict', `Dead letters of ${name} are being moved already; wait for its end.`)
      const id = randomUUID()
      const { followed, ended, chosen } = startMove(id, wanted, { clock, signal: closing.signal })
      running.add(ended)
      void ended.finally(() => running.delete(ended)).catch(() => {})
      keep(id, followed)
      await chosen.catch((error: unknown) => {
        kept.delete(id)
        throw error
      })
      const waiting = new AbortController()
      await Promise.race([ended, pause(patienceMs, undefined, { signal: waiting.signal }).catch(() => {})])
      waiting.abort()
      return followed.see()
    },
    find: async (id) => kept.get(id)?.see(),
    async close() {
      closing.abort()
      await Promise.allSettled(running)
    },
  }
}

function startMove(
  id: string,
  { kind, name, admin, choice, expect, perSecond }: Wanted,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
) {
  const at = clock.now()
  const queue = liveQueueOf(name)
  const watch = followReplay(admin, queue)
  const chosen = Promise.withResolvers<void>()
  const progress = { of: 0, moved: 0, isRunning: true, fault: '' }
  const options = {
    expect,
    signal,
    ...(perSecond !== undefined && { perSecond }),
    onProgress(of: number, letters: Parameters<typeof watch.add>[0]) {
      progress.of = of
      progress.moved += letters.length
      if (kind === 'replay') watch.add(letters)
      chosen.resolve()
    },
  }
  const bounded = { ...choice, first: Math.min(choice.first ?? lettersPerMove, lettersPerMove) }
  const work =
    kind === 'replay' ? admin.replay(name, bounded, options) : admin.dropDead(name, bounded, options)
  const ended = work.then(
    () => {
      progress.isRunning = false
    },
    (error: unknown) => {
      progress.isRunning = false
      progress.fault = operatorMessage(error) ?? 'It failed; the log has why.'
      chosen.reject(error)
      throw error
    },
  )
  ended.catch(() => {})
  /** Those that stay because there are more than one move takes. */
  const left = () => (choice.first === undefined ? Math.max(0, expect - progress.of) : 0)

  function shown(outcome: ReplayOutcome): Move {
    const { of, moved, isRunning, fault } = progress
    const parts = [
      kind === 'replay' ? describeOutcome(outcome) : `${moved} removed`,
      ...(isRunning ? [`${of - moved} to go`] : []),
      ...(left() > 0 ? [`${left()} stay, since one move takes ${lettersPerMove} at most`] : []),
      ...(fault === '' ? [] : [fault]),
    ]
    return {
      ...{ id, queue, kind, at, moved, of },
      done: outcome.done,
      deadAgain: outcome.deadAgain,
      waiting: outcome.waiting,
      reasons: Object.fromEntries(outcome.reasons),
      isOver: !isRunning && outcome.isOver,
      outcome: parts.join('; '),
    }
  }

  const look = createShared(() => watch.look(), { keepMs: lookIntervalMs })
  const followed: Followed = {
    name,
    isRunning: () => progress.isRunning,
    see: async () => shown(await look()),
  }
  return { followed, ended, chosen: chosen.promise }
}
