import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../faults/fault.ts'
import type { Random } from './random.ts'

/** Faults that begin one after the other and overlap, of different targets. */
type Step = { readonly faults: readonly Fault[]; readonly lastsMs: number; readonly pauseMs: number }

/** A fault that was made, in milliseconds since the run began. */
export type MadeFault = {
  readonly name: string
  /** Faults of one step overlap. */
  readonly step: number
  readonly beganMs: number
  /** When its `end` had resolved. */
  readonly endedMs: number
}

const lastsMsMin = 300
const lastsMsMax = 4_000
const pauseMsMin = 800
const pauseMsMax = 2_500
const overlapShare = 0.25
/** Longer than any time after which something is given up, such as the marker of a write in the cache. */
const longMs = 38_000
const longShare = 0.04
/** Shorter runs have no faults of that length. */
const longFromMs = 180_000
/** Longer than any restart takes on a busy machine. */
const changeMsMax = 60_000

/**
 * The steps of a run of `forMs`, without end, the same for the same seed: all faults in an arbitrary order, then all in another one, and so
 * on. Each element of `targets` has the faults of one target, of which there is one at a time.
 */
export function* planFaults(
  targets: readonly (readonly Fault[])[],
  random: Random,
  forMs: number,
): Generator<Step> {
  const all = targets.flatMap((faults, target) => faults.map((fault) => ({ fault, target })))
  if (all.length === 0) return
  for (let waiting = random.shuffle(all); ; waiting = waiting.length === 0 ? random.shuffle(all) : waiting) {
    const [first, second] = waiting
    const isOverlapping = random.fraction() < overlapShare && second?.target !== first?.target
    const taken = [first, isOverlapping ? second : undefined].flatMap((one) => one?.fault ?? [])
    waiting = waiting.slice(taken.length)
    const isLong = random.fraction() < longShare && forMs >= longFromMs
    yield {
      faults: taken,
      lastsMs: isLong ? longMs : between(random, lastsMsMin, lastsMsMax),
      pauseMs: between(random, pauseMsMin, pauseMsMax),
    }
  }
}

/** The faults whose names end with one of the kinds, such as `kill` of `guid 1: kill`. Throws where there is none of a kind. */
export function ofKinds(
  targets: readonly (readonly Fault[])[],
  kinds: readonly string[] | undefined,
): readonly (readonly Fault[])[] {
  if (kinds === undefined) return targets
  const kindOf = ({ name }: Fault) => name.split(': ').at(-1) ?? ''
  const known = [...new Set(targets.flat().map(kindOf))]
  for (const kind of kinds)
    if (!known.includes(kind)) throw new Error(`There is no fault "${kind}" here, but ${known.join(', ')}.`)
  return targets.map((faults) => faults.filter((fault) => kinds.includes(kindOf(fault))))
}

/** Shorter ones are more frequent: the logarithm is distributed evenly. */
function between(random: Random, min: number, max: number): number {
  return Math.round(min * (max / min) ** random.fraction())
}

/** Makes the faults of the steps until `untilMs`, and adds them to `made`. Rejects where one cannot be begun or ended. */
export async function makeFaults(
  steps: Iterable<Step>,
  {
    now,
    untilMs,
    made,
    onBegin,
  }: {
    now: () => number
    untilMs: number
    made: MadeFault[]
    /** With the names of those that last now. */
    onBegin(names: readonly string[]): void
  },
): Promise<void> {
  let step = 0
  for (const { faults, lastsMs, pauseMs } of steps) {
    step += 1
    await pause(pauseMs)
    if (now() + lastsMsMin > untilMs) return
    if (now() + lastsMs > untilMs) continue
    const begun: { fault: Fault; beganMs: number }[] = []
    const end = async ({ fault, beganMs }: (typeof begun)[number]) => {
      await inTime(fault, 'end')
      made.push({ name: fault.name, step, beganMs, endedMs: now() })
    }
    const begin = async () => {
      for (const fault of faults) {
        begun.push({ fault, beganMs: now() })
        await inTime(fault, 'begin')
        onBegin(begun.map((one) => one.fault.name))
        await pause(lastsMs / faults.length)
      }
    }
    const isMade = await Promise.allSettled([begin()])
    // At once: one may end only when the other has, such as a kill by a start that needs room on the disk.
    const isEnded = await Promise.allSettled(begun.map(end))
    onBegin([])
    for (const result of [...isMade, ...isEnded]) if (result.status === 'rejected') throw result.reason
  }
}

async function inTime(fault: Fault, step: 'begin' | 'end'): Promise<void> {
  const ending = new AbortController()
  const late = pause(changeMsMax, undefined, { signal: ending.signal, ref: false }).then(
    () => {
      throw new Error(`The fault ${fault.name} did not ${step} within ${changeMsMax / 1_000} s.`)
    },
    () => {},
  )
  try {
    await Promise.race([fault[step](), late])
  } finally {
    ending.abort()
  }
}
