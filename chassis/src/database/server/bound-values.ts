import { invalid } from '../../errors/index.ts'

export type BoundValue = string | number | bigint | boolean | Uint8Array | null

/**
 * Refuses what a server cannot be given before it is sent, so that it fails its own unit and no other. U+0000 is in no text of
 * PostgreSQL, so it is in none of any server.
 */
export function checkValue(value: unknown): asserts value is BoundValue {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw invalid({ text: 'A text must not contain the character U+0000.' })
  } else if (typeof value === 'object' ? value !== null && !(value instanceof Uint8Array) : !isScalar(value))
    throw new TypeError(
      `A parameter must be a text, a number, a boolean, bytes or null, not ${typeof value}.`,
    )
}

function isScalar(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
}
