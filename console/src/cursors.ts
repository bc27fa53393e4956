import { invalid } from '@quintet/chassis/errors'
import { encodeCursor } from '@quintet/chassis/http'

/** Reads what `encodeCursor` has made of this many numbers. */
export function numbersOf(cursor: string, count: number): number[] {
  const members: unknown[] = [parsed(cursor)].flat()
  const numbers = members.filter((member) => typeof member === 'number')
  if (numbers.length === count && encodeCursor(numbers) === cursor) return numbers
  throw invalid({ cursor: 'cursor must be the next of a page of this list.' })
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
