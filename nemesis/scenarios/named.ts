import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'

/** The fault under the name of its target. */
export function named(target: string, one: Fault): Fault {
  return fault(`${target}: ${one.name}`, one.begin, one.end)
}
