import { createHash } from 'node:crypto'

/** What a line says, besides its place in the chain. */
export type AuditEntry = {
  /**
   * `intent` before an effect, `outcome` after it, `refusal` where there is none, `refusals` for the count of more of them, `start` of a
   * process, `omitted` for lost lines.
   */
  readonly kind: 'start' | 'intent' | 'outcome' | 'refusal' | 'refusals' | 'omitted'
  readonly [member: string]: unknown
}

/** The end of a chain: what the next line continues. */
export type ChainEnd = { readonly number: number; readonly hash: string }

/** Stands in `prev` where there is no line before. */
export const beginning: ChainEnd = { number: 0, hash: '0'.repeat(64) }

/** The next line of a chain, without its line break. */
export function lineAfter(end: ChainEnd, chain: string, entry: AuditEntry): string {
  return JSON.stringify({ audit: chain, number: end.number + 1, ...entry, prev: end.hash })
}

/** The hash of a line, as the next one has it in `prev`. */
export function hashOf(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex')
}

/** The place of a line in its chain; undefined for a text that is no line of an audit log. */
export function placeOf(
  line: string,
): { chain: string; kind: string; number: number; prev: string } | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  const { audit: chain, kind, number, prev } = Object(value)
  const isPlace =
    typeof chain === 'string' &&
    typeof kind === 'string' &&
    typeof number === 'number' &&
    Number.isSafeInteger(number) &&
    typeof prev === 'string' &&
    /^[\da-f]{64}$/.test(prev)
  return isPlace ? { chain, kind, number, prev } : undefined
}
