import { randomBytes } from 'node:crypto'

const processId = randomBytes(9).toString('hex')
let count = 0

/** A token for a lease or a marker, unique over all processes. */
export function newToken(): string {
  count += 1
  return `${processId}-${count.toString(36)}`
}
