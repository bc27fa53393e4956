/** The text in lines of at most this many characters, between words where it can be. */
export function wrapped(text: string, width: number): string[] {
  const lines = text.match(new RegExp(`[^]{1,${width}}(?=\\s|$)\\s*|[^]{1,${width}}`, 'g')) ?? []
  return lines.map((line) => line.trimEnd())
}
