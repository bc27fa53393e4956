import { readFileSync } from 'node:fs'
import { clockFileSetting, clockReadEveryMs } from './clock-faults.ts'

/**
 * Loaded before a service's own modules by `--require`, in each of its threads, shifts its `Date` by the milliseconds in a file.
 * The monotonic clock stays as it is, as when the time of a machine is set.
 */

const file = process.env[clockFileSetting] ?? ''
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
    offsetMs = Number(readFileSync(file, 'utf8'))
  }
  return RealDate.now() + offsetMs
}
