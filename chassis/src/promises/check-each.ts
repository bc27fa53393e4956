import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Check } from './port.ts'

/** A fault counts if it is found again after each of these pauses, since changes may be made meanwhile. */
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
  /** Which of them are checked, as in `25 accounts at random`, the default. */
  readonly chosen?: string
  /** The keys of up to `max` of them. */
  pick(max: number): Promise<readonly K[]>
  /** What is wrong with one, such as `its cash is not the sum of its ledger`; undefined for nothing, also where it is gone. */
  faultOf(key: K): Promise<string | undefined>
}

/**
 * A check of things one by one, which repeats what has failed before it reports a fault. Those with a fault are part of the sample of
 * every later check, so that a promise that was found broken is not found kept because of other samples.
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
  async function faultsOf(keys: Iterable<K>, hasTime = () => true): Promise<Map<K, string | undefined>> {
    const found = new Map<K, string | undefined>()
    for (const key of keys) {
      if (!hasTime()) break
      await nextTurn()
      found.set(key, await faultOf(key))
    }
    return found
  }

  return async ({ sampleMax, hasTime }) => {
    const checked = await faultsOf(new Set([...suspects, ...(await pick(sampleMax))]), hasTime)
    let faulty = withFaults(checked)
    for (const ms of pausesMs) {
      if (faulty.size === 0) break
      await pause(ms)
      faulty = withFaults(await faultsOf(faulty.keys()))
    }
    for (const key of checked.keys())
      if (!faulty.has(key)) suspects.delete(key)
      else if (suspects.size < suspectsMax) suspects.add(key)
    const sample = checked.size
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
