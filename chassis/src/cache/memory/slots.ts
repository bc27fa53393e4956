import { LRUCache } from 'lru-cache'
import type { Clock } from '../../clock/index.ts'
import { valueTtlMs } from '../limits.ts'
import type { Entry } from '../port.ts'
import type { MemoryBounds } from './bounds.ts'

/** What is cached under a key: an entry, or `null` for a known absence, used until `untilMs` and no longer than the entry is valid. */
type Slot = { readonly entry: Entry | null; readonly untilMs: number }

/** The stored entries of a cache in memory, each until its deadline or its eviction. */
export function createSlots({
  clock,
  durations,
  absentTtlMs,
  entriesMax,
  bytesMax,
}: MemoryBounds & { clock: Clock; durations: Clock; absentTtlMs: number }) {
  // With a `max` of its own the library would allocate all entries at once, 7 ms of a start.
  const slots = new LRUCache<string, Slot>({
    maxSize: bytesMax,
    maxEntrySize: Math.ceil(bytesMax / 10),
    sizeCalculation: bytesOf,
  })
  return {
    /** `undefined` where nothing is stored, `null` for a known absence. */
    get(key: string): Entry | null | undefined {
      const slot = slots.get(key)
      if (slot === undefined || durations.now() >= slot.untilMs) return undefined
      return slot.entry !== null && clock.now() >= slot.entry.expiresAtMs ? undefined : slot.entry
    },

    set(key: string, entry: Entry | null): void {
      if (slots.size >= entriesMax && !slots.has(key)) slots.pop()
      slots.set(key, { entry, untilMs: durations.now() + (entry === null ? absentTtlMs : valueTtlMs) })
    },

    delete: (key: string) => slots.delete(key),
    clear: () => slots.clear(),
    size: () => ({ entries: slots.size, bytes: slots.calculatedSize }),
  }
}

/** Measured on 64-bit V8: 260 bytes for the slot, the entry, both string headers and the cells of map and list. */
const slotOverheadBytes = 300

/** V8 stores Latin-1 text in one byte per character; counting two keeps the bound for any text. */
function bytesOf(slot: Slot, key: string): number {
  const { text = '', owner } = slot.entry ?? {}
  return slotOverheadBytes + 2 * (key.length + text.length + (owner?.length ?? 0))
}
