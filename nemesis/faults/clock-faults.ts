import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'

export const clockFileSetting = 'NEMESIS_CLOCK_FILE'
export const clockReadEveryMs = 5
/** The length of the file, which is written in place. */
export const offsetDigits = 16

/** A clock for processes of services, which can differ from that of the machine and jump. */
type ShiftedClock = {
  /** For the processes that have this clock. */
  readonly environment: Readonly<Record<string, string>>
  /** Sets how many milliseconds it is ahead of the clock of the machine; negative if it is behind. */
  set(offsetMs: number): void
}

/** `file` must be in a folder that exists. */
export function createShiftedClock(file: string, offsetMs = 0): ShiftedClock {
  const opened = openSync(file, 'w')
  const set = (ms: number) => void writeSync(opened, String(ms).padStart(offsetDigits), 0)
  set(offsetMs)
  const preload = join(import.meta.dirname, 'shifted-clock.ts')
  return { environment: { NODE_OPTIONS: `--require=${preload}`, [clockFileSetting]: file }, set }
}

/** The clock jumps by so much, and back when the fault ends. */
export function jumpingClock(clock: ShiftedClock, byMs: number): Fault {
  const jumpTo = async (ms: number) => {
    clock.set(ms)
    await pause(2 * clockReadEveryMs)
  }
  return fault(
    byMs < 0 ? 'clock back' : 'clock ahead',
    () => jumpTo(byMs),
    () => jumpTo(0),
  )
}
