/** Whether `Prefer` asks for `respond-async` (RFC 7240, 4.1). */
export function prefersAsync(prefer: string | string[] | undefined): boolean {
  if (prefer === undefined) return false
  return [prefer]
    .flat()
    .flatMap((value) => value.split(','))
    .some((preference) => preference.split(';', 1)[0]?.trim().toLowerCase() === 'respond-async')
}
