import { invalid } from '../../errors/index.ts'

type BoundValue = string | number | bigint | boolean | Uint8Array | null

/**
 * Refuses what a server cannot store before it is sent, so that it fails its own unit and no other. PostgreSQL has no U+0000 in
 * a text, so it is refused for all servers.
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
