import { LRUCache } from 'lru-cache'
import type { Clock } from '../../clock/index.ts'
import { valueTtlMs } from '../limits.ts'
import type { Entry } from '../port.ts'
import type { MemoryBounds } from './bounds.ts'

/** What is cached under a key: an entry, or `null` for a known absence, served until `deadlineMs`. */
type Slot = { readonly entry: Entry | null; readonly deadlineMs: number }

/** The stored entries of a cache in memory, each until its deadline or its eviction. */
export function createSlots({
  clock,
  absentTtlMs,
  entriesMax,
  bytesMax,
}: MemoryBounds & { clock: Clock; absentTtlMs: number }) {
  const slots = new LRUCache<string, Slot>({
    max: entriesMax,
    maxSize: bytesMax,
    maxEntrySize: Math.ceil(bytesMax / 10),
    sizeCalculation: bytesOf,
  })
  return {
    /** `undefined` where nothing is stored, `null` for a known absence. */
    get(key: string): Entry | null | undefined {
      const slot = slots.get(key)
      return slot === undefined || clock.now() >= slot.deadlineMs ? undefined : slot.entry
    },

    set(key: string, entry: Entry | null): void {
      const nowMs = clock.now()
      const deadlineMs =
        entry === null ? nowMs + absentTtlMs : Math.min(entry.expiresAtMs, nowMs + valueTtlMs)
      slots.set(key, { entry, deadlineMs })
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
  return slotOverheadBytes + 2 * (key.length + (slot.entry?.text.length ?? 0))
}
