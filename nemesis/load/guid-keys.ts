import type { Outcome } from '../history.ts'
import type { Random } from '../run/random.ts'

/** A GUID that the clients use at present. */
export type GuidKey = {
  readonly guid: string
  /** Whether each content of it expires, within seconds. */
  readonly isExpiring: boolean
  /** That were returned for it, the newest last, those of deleted and expired contents included. */
  readonly versions: string[]
  operations: number
  unknown: number
}

const slots = 6
const expiringSlots = 2
const versionsMax = 8
/** Then another GUID takes the place: the search for an order of the operations grows with both. */
const operationsMax = 200
const unknownMax = 5

/** A few GUIDs at a time, each for some operations. */
export function createGuidKeys(random: Random) {
  const all: GuidKey[] = []
  const current: GuidKey[] = []

  function next(slot: number): GuidKey {
    const key = current[slot]
    if (key !== undefined && key.operations < operationsMax && key.unknown < unknownMax) return key
    const isExpiring = slot < expiringSlots
    const created = { guid: random.hex(), isExpiring, versions: [], operations: 0, unknown: 0 }
    all.push(created)
    current[slot] = created
    return created
  }

  return {
    slots,
    next,
    all: () => [...all],
    seen(key: GuidKey, version: string): void {
      if (key.versions.at(-1) === version) return
      key.versions.push(version)
      if (key.versions.length > versionsMax) key.versions.shift()
    },
    completed(key: GuidKey, outcome: Outcome): void {
      key.operations += 1
      if (outcome === 'info') key.unknown += 1
    },
  }
}
