import { areAdmitted, hasRoom, levelAt } from './gcra.ts'
import type { Rate, Unit } from './gcra.ts'
import type { LimitStore } from './store.ts'

const sweepSlice = 16

export type MemoryStore = Omit<LimitStore, 'decide'> & {
  decide(units: readonly Unit[]): { readonly levels: readonly number[]; readonly isShare: boolean }
  /** Raises the level of a unit to what another store has. */
  raise(unit: Unit, levelUs: number): void
  /** The level that is known of a unit, 0 if there is none. */
  levelOf(unit: Unit): number
}

/**
 * Limits in the memory of a process, up to `entriesMax` of them. Empty buckets are removed, some at a time, as others are added. When
 * all are in use, those that are not there yet share one for each policy, in place of the oldest being forgotten: then a flood from many
 * addresses would wash the count of each away. `isShare` is whether each policy counts with the share of this process; `nowUs` is in
 * whole microseconds.
 */
export function createMemoryStore({
  entriesMax,
  isShare = false,
  nowUs,
}: {
  entriesMax: number
  isShare?: boolean
  nowUs: () => number
}): MemoryStore {
  const emptyAt = new Map<string, number>()
  const sharedEmptyAt = new Map<string, number>()
  let cursor = emptyAt.entries()

  const rateFor = ({ policy }: Unit): Rate => (isShare ? policy.share : policy.rate)

  function levelNow(unit: Unit, now: number): number {
    const { capacityUs } = rateFor(unit)
    const at = emptyAt.get(unit.key)
    if (at === undefined && hasSpace(now)) return 0
    const level = levelAt(now, at ?? sharedEmptyAt.get(unit.policy.name) ?? 0, capacityUs)
    if (level === capacityUs) fill(unit, level, now)
    return level
  }

  /** Whether one more can be remembered, once some that are empty are removed. */
  function hasSpace(now: number): boolean {
    if (emptyAt.size >= entriesMax) sweep(now)
    return emptyAt.size < entriesMax
  }

  function sweep(now: number): void {
    for (let i = 0; i < sweepSlice; i++) {
      const next = cursor.next()
      if (next.done === true) {
        cursor = emptyAt.entries()
        return
      }
      const [key, at] = next.value
      if (at <= now) emptyAt.delete(key)
    }
  }

  function fill(unit: Unit, levelUs: number, now: number): void {
    if (emptyAt.has(unit.key)) emptyAt.set(unit.key, now + levelUs)
    else if (emptyAt.size < entriesMax) {
      sweep(now)
      emptyAt.set(unit.key, now + levelUs)
    } else {
      const { name } = unit.policy
      const shared = levelAt(now, sharedEmptyAt.get(name) ?? 0, rateFor(unit).capacityUs)
      sharedEmptyAt.set(name, now + Math.max(shared, levelUs))
    }
  }

  return {
    decide(units) {
      const now = nowUs()
      const levels: number[] = []
      for (const unit of units) levels.push(levelNow(unit, now))
      if (areAdmitted(units, levels, isShare))
        for (let i = 0; i < units.length; i++) {
          const unit = units[i]
          const levelUs = levels[i] ?? 0
          if (unit === undefined || !hasRoom(levelUs, rateFor(unit))) continue
          fill(unit, levelUs + rateFor(unit).costUs, now)
        }
      return { levels, isShare }
    },
    charge(units) {
      const now = nowUs()
      for (const unit of units) {
        const { costUs, capacityUs } = rateFor(unit)
        fill(unit, Math.min(levelNow(unit, now) + costUs, capacityUs), now)
      }
    },
    raise(unit, levelUs) {
      const now = nowUs()
      const at = emptyAt.get(unit.key)
      if (at === undefined ? levelUs > 0 && hasSpace(now) : at < now + levelUs) fill(unit, levelUs, now)
    },
    levelOf({ key, policy }) {
      const now = nowUs()
      const at = emptyAt.get(key) ?? 0
      const level = levelAt(now, at, policy.rate.capacityUs)
      if (at - now > level) emptyAt.set(key, now + level)
      return level
    },
    isDegraded: () => false,
    size: () => emptyAt.size,
    async close() {},
  }
}
