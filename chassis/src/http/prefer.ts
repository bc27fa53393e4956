import { nameAndValue, splitOutsideQuotes } from './lists.ts'

/** Whether `Prefer` has `respond-async` (RFC 7240, 4.1). */
export function prefersAsync(prefer: string | string[] | undefined): boolean {
  return preferenceOf(prefer, 'respond-async') !== undefined
}

/** Whether `Prefer` has `handling=strict` (RFC 7240, 4.4). */
export function prefersStrict(prefer: string | string[] | undefined): boolean {
  return preferenceOf(prefer, 'handling') === 'strict'
}

/** The value of a preference in lower case, of its first instance (RFC 7240, 2); parameters are ignored. */
function preferenceOf(prefer: string | string[] | undefined, name: string): string | undefined {
  if (prefer === undefined) return undefined
  for (const preference of splitOutsideQuotes([prefer].flat().join(','), ',')) {
    const [one, value] = nameAndValue(splitOutsideQuotes(preference, ';')[0] ?? '')
    if (one === name) return value.toLowerCase()
  }
  return undefined
}
