import { openSync, readSync } from 'node:fs'
import { clockFileSetting, clockReadEveryMs, offsetDigits } from './clock-faults.ts'

/**
 * Loaded before a service's own modules by `--require`, in each of its threads, shifts its `Date` by the milliseconds in a file.
 * The monotonic clock stays as it is, as when the time of a machine is set.
 */

// Opened once: a process without a free descriptor still has its clock.
const file = openSync(process.env[clockFileSetting] ?? '', 'r')
const content = Buffer.alloc(offsetDigits)
const { Date: RealDate } = globalThis
let offsetMs = 0
let readAt = Number.NEGATIVE_INFINITY

globalThis.Date = class extends RealDate {
  constructor(...values: unknown[]) {
    // The overloads of Date cannot be forwarded with types.
    super(...((values.length === 0 ? [now()] : values) as [number]))
  }

  static override now(): number {
    return now()
  }
} as typeof RealDate

function now(): number {
  const at = performance.now()
  if (at - readAt > clockReadEveryMs) {
    readAt = at
    readSync(file, content, 0, offsetDigits, 0)
    offsetMs = Number(content.toString())
  }
  return RealDate.now() + offsetMs
}
