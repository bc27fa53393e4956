import type { RawNumber } from '@quintet/chassis/json'

/** A number with this exact notation, which `JSON.stringify` writes unchanged. */
export function exactNumber(notation: string): RawNumber {
  return JSON.rawJSON(notation)
}

export function isExactNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON(value)
}
