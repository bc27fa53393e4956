/** Strings, quoted names, then parameters: what is quoted may look like a parameter and is none. */
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)/g

/** The text with something else in the place of each parameter, which are counted from 1. */
export function replaceParameters(text: string, replacement: (number: number) => string): string {
  return text.replace(tokens, (token: string, number: string | undefined) =>
    number === undefined ? token : replacement(Number(number)),
  )
}

/** Whether running the text gives rows: it is a select, or has a RETURNING of its own. */
export function returnsRows(text: string): boolean {
  let bare = text.replace(tokens, (token: string) => (token.startsWith('$') ? token : ''))
  for (let before = ''; before !== bare; ) {
    before = bare
    bare = bare.replace(/\([^()]*\)/g, '')
  }
  return (
    /\breturning\b/i.test(bare) || (/\bselect\b/i.test(bare) && !/\b(insert|update|delete)\b/i.test(bare))
  )
}

/**
 * The values as an array of PostgreSQL's (8.15.6). JSON writes it alike, but for the brackets and for what it escapes beside
 * quotes and backslashes, and many times as fast as pg, which is left what JSON would write otherwise.
 */
export function arrayOf(values: readonly unknown[]): unknown {
  if (!values.every(isAlikeInJson)) return values
  const text = JSON.stringify(values)
  return otherEscape.test(text) ? values : `{${text.slice(1, -1)}}`
}

function isAlikeInJson(value: unknown): boolean {
  return typeof value === 'string' || value === null || Number.isFinite(value)
}

/** Also found behind an escaped backslash, where there is none, which does no harm. */
const otherEscape = /\\[^"\\]/
