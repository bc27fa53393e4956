/** Replaces the first block of matching lines; throws if no line matches. */
export function replaceLines(text: string, pattern: RegExp, lines: readonly string[]): string {
  const all = text.split('\n')
  const start = all.findIndex((line) => pattern.test(line))
  if (start < 0) throw new Error(`There is no line that matches ${pattern}.`)
  let end = start
  while (end < all.length && pattern.test(all[end] ?? '')) end++
  return all.toSpliced(start, end - start, ...lines).join('\n')
}

/** Inserts lines before the first matching line; throws if no line matches. */
export function insertBefore(text: string, pattern: RegExp, lines: readonly string[]): string {
  const all = text.split('\n')
  const at = all.findIndex((line) => pattern.test(line))
  if (at < 0) throw new Error(`There is no line that matches ${pattern}.`)
  return all.toSpliced(at, 0, ...lines).join('\n')
}
