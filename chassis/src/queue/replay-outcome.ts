import { deadQueueOf } from './port.ts'
import type { DeadLetter, QueueAdmin } from './port.ts'

/** What has become of letters that were put back to their queue. */
export type ReplayOutcome = {
  readonly replayed: number
  /** Handled, by what the broker shows: neither in the queue nor dead again. */
  readonly done: number
  readonly deadAgain: number
  /** How many of those that are dead again have the reason that they had before. */
  readonly sameReason: number
  readonly waiting: number
  /** The reasons of those that are dead again, with their numbers. */
  readonly reasons: ReadonlyMap<string, number>
  /** Whether `done` is certain. A broker that does not count what consumers hold only shows that a message has not come back. */
  readonly isCertain: boolean
  /** Whether nothing is expected to change any more. */
  readonly isOver: boolean
}

type ReplayWatch = {
  /** Adds letters that were put back. */
  add(letters: readonly DeadLetter[]): void
  /** Reads the state of the letters; of a broker that finds messages by their ids, at most 1,000 of them at a time. */
  look(): Promise<ReplayOutcome>
  /** For how long no call of `look` has found a change. */
  unchangedMs(): number
}

const lookedForMax = 1_000

/** For so long nothing must change before a message that is not seen counts as handled, on a broker that does not show what is held. */
const quietMs = 10_000

/**
 * Follows letters that were put back, by their ids: in the queue and among its dead letters where the broker finds a message by its id;
 * elsewhere by the dead letters that come back, and by the depth of the queue.
 */
export function followReplay(
  broker: QueueAdmin,
  queue: string,
  now: () => number = () => performance.now(),
): ReplayWatch {
  const deadQueue = deadQueueOf(queue)
  /** The reasons that the letters had, by id; those looked for least recently first. */
  const open = new Map<string, string>()
  const reasons = new Map<string, number>()
  const counts = { replayed: 0, deadAgain: 0, sameReason: 0 }
  let seenDead = -1
  let seen = ''
  let changedAt = now()

  function settle(letters: readonly DeadLetter[]): void {
    for (const { id, reason } of letters) {
      const former = open.get(id)
      if (!open.delete(id)) continue
      counts.deadAgain += 1
      if (former === reason) counts.sameReason += 1
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    }
  }

  /** First in the queue: a message that is not there any more is handled, or a dead letter that is found then. */
  async function lookByIds(find: NonNullable<QueueAdmin['find']>): Promise<void> {
    const ids = [...open.keys()].slice(0, lookedForMax)
    const live = new Set((await find(queue, ids)).map(({ id }) => id))
    const gone = new Set(ids.filter((id) => !live.has(id)))
    settle(gone.size === 0 ? [] : await broker.deadAmong(deadQueue, gone))
    for (const id of gone) open.delete(id)
    for (const id of live) moveToEnd(open, id)
  }

  /** The queue first, for the same reason. Dead letters are read only where there are more than before. */
  async function lookByDepth(): Promise<number> {
    const live = await broker.depth(queue)
    const dead = await broker.depth(deadQueue)
    if (dead > seenDead) settle(await broker.deadAmong(deadQueue, new Set(open.keys())))
    seenDead = dead
    return live
  }

  async function look(): Promise<ReplayOutcome> {
    if (open.size === 0) return outcome({ waiting: 0, isCertain: true, isOver: true })
    if (broker.find !== undefined) {
      await lookByIds(broker.find)
      note(open.size)
      return outcome({ waiting: open.size, isCertain: true, isOver: open.size === 0 })
    }
    const live = await lookByDepth()
    note(live)
    const isCertain = broker.lookEffect === undefined
    if (live > 0) return outcome({ waiting: open.size, isCertain: true, isOver: false })
    return outcome({ waiting: 0, isCertain, isOver: isCertain || unchangedMs() >= quietMs })
  }

  function outcome(state: Pick<ReplayOutcome, 'waiting' | 'isCertain' | 'isOver'>): ReplayOutcome {
    const done = counts.replayed - counts.deadAgain - state.waiting
    return { ...counts, done, reasons, ...state }
  }

  function note(waiting: number): void {
    const state = `${waiting} ${counts.deadAgain} ${counts.replayed}`
    if (state !== seen) changedAt = now()
    seen = state
  }

  const unchangedMs = () => now() - changedAt

  return {
    add(letters) {
      for (const { id, reason } of letters) open.set(id, reason)
      counts.replayed += letters.length
    },
    look,
    unchangedMs,
  }
}

function moveToEnd<V>(map: Map<string, V>, id: string): void {
  const value = map.get(id)
  if (value === undefined) return
  map.delete(id)
  map.set(id, value)
}

/** A sentence such as "37 put back: 36 done, 1 dead again (same reason)". */
export function describeOutcome(outcome: ReplayOutcome): string {
  const { replayed, done, deadAgain, waiting, isCertain } = outcome
  const parts = [
    ...(done > 0 ? [`${done} ${isCertain ? 'done' : 'not seen again'}`] : []),
    ...(deadAgain > 0 ? [`${deadAgain} dead again (${reasonOf(outcome)})`] : []),
    ...(waiting > 0 ? [`${waiting} still waiting`] : []),
  ]
  const note = done > 0 && !isCertain ? '; the broker does not show which messages were handled' : ''
  return `${replayed} put back${parts.length > 0 ? ': ' : ''}${parts.join(', ')}${note}`
}

function reasonOf({ deadAgain, sameReason }: ReplayOutcome): string {
  if (sameReason === deadAgain) return 'same reason'
  return sameReason === 0 ? 'another reason' : `${sameReason} for the same reason`
}
