import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Check } from './port.ts'

/** What is wrong must be so each time that it is looked at, after these pauses, since changes may be made meanwhile. */
const pausesMs = [50, 200]
const suspectsMax = 100
/** How many of those with a fault are named. */
const namedMax = 5

type Key = string | number

export type EachCheck<K extends Key> = {
  /** What one of them is called, such as `account`. */
  readonly noun: string
  /** What is true of each of them where the promise is kept. */
  readonly kept: string
  /** Which of them are looked at: those at random, if nothing else is said. */
  readonly chosen?: string
  /** The keys of up to `max` of them. */
  pick(max: number): Promise<readonly K[]>
  /** What is wrong with one, such as `its cash is not the sum of its ledger`; undefined for nothing, also where it is gone. */
  faultOf(key: K): Promise<string | undefined>
}

/**
 * A check of things one by one, which looks again before it says that something is wrong. Those with a fault are looked at by every
 * later check too, so that a promise that was found broken is not found kept because of other samples.
 */
export function checkEach<K extends Key>({
  noun,
  kept,
  chosen = 'at random',
  pick,
  faultOf,
}: EachCheck<K>): Check {
  const suspects = new Set<K>()

  /** What is wrong with these; undefined where nothing is. */
  async function lookAt(keys: Iterable<K>, hasTime = () => true): Promise<Map<K, string | undefined>> {
    const found = new Map<K, string | undefined>()
    for (const key of keys) {
      if (!hasTime()) break
      await nextTurn()
      found.set(key, await faultOf(key))
    }
    return found
  }

  return async ({ sampleMax, hasTime }) => {
    const looked = await lookAt(new Set([...suspects, ...(await pick(sampleMax))]), hasTime)
    let faulty = withFaults(looked)
    for (const ms of pausesMs) {
      if (faulty.size === 0) break
      await pause(ms)
      faulty = withFaults(await lookAt(faulty.keys()))
    }
    for (const key of looked.keys())
      if (!faulty.has(key)) suspects.delete(key)
      else if (suspects.size < suspectsMax) suspects.add(key)
    const sample = looked.size
    const faults = Array.from(faulty, ([key, fault]) => `${noun} ${key}: ${fault}`)
    if (faults.length === 0)
      return { verdict: 'kept', found: `${countOf(sample, noun)} ${chosen}: ${kept}.`, sample }
    const more = faults.length > namedMax ? `; and ${faults.length - namedMax} more` : ''
    return { verdict: 'broken', found: `${faults.slice(0, namedMax).join('; ')}${more}.`, sample }
  }
}

function withFaults<K>(found: ReadonlyMap<K, string | undefined>): Map<K, string> {
  return new Map([...found].flatMap(([key, fault]) => (fault === undefined ? [] : [[key, fault] as const])))
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
