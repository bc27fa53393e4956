/** Whether `Prefer` has `respond-async` (RFC 7240, 4.1). */
export function prefersAsync(prefer: string | string[] | undefined): boolean {
  return preferencesOf(prefer).includes('respond-async')
}

/** Whether `Prefer` has `handling=strict` (RFC 7240, 4.4). */
export function prefersStrict(prefer: string | string[] | undefined): boolean {
  return preferencesOf(prefer).includes('handling=strict')
}

/** Each preference with its value, without parameters and without case. */
function preferencesOf(prefer: string | string[] | undefined): string[] {
  if (prefer === undefined) return []
  return [prefer]
    .flat()
    .flatMap((value) => value.split(','))
    .map((preference) => (preference.split(';', 1)[0] ?? '').replace(/[\s"]/g, '').toLowerCase())
}
