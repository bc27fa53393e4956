/** Strings and quoted names come first, since what looks like a parameter within them is none. */
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)/g

/** The text with each parameter replaced; they are numbered from 1. */
export function replaceParameters(text: string, replacement: (number: number) => string): string {
  return text.replace(tokens, (token: string, number: string | undefined) =>
    number === undefined ? token : replacement(Number(number)),
  )
}

/** Whether the text returns rows: it is a select, or has a RETURNING outside of parentheses. */
export function returnsRows(text: string): boolean {
  let bare = text.replace(tokens, (token: string) => (token.startsWith('$') ? token : ''))
  bare = bare.replace(/\bfor update\b/i, '')
  for (let before = ''; before !== bare; ) {
    before = bare
    bare = bare.replace(/\([^()]*\)/g, '')
  }
  return (
    /\breturning\b/i.test(bare) || (/\bselect\b/i.test(bare) && !/\b(insert|update|delete)\b/i.test(bare))
  )
}

/**
 * The values as an array of PostgreSQL (8.15.6). JSON has the same form except for the brackets and some escapes, and
 * JSON.stringify is many times as fast as pg; arrays whose JSON form differs are left to pg.
 */
export function arrayOf(values: readonly unknown[]): unknown {
  if (!values.every(isSameInJson)) return values
  const text = JSON.stringify(values)
  return otherEscape.test(text) ? values : `{${text.slice(1, -1)}}`
}

function isSameInJson(value: unknown): boolean {
  return typeof value === 'string' || value === null || Number.isFinite(value)
}

/** An escape other than of quotes and backslashes. It also matches after an escaped backslash, which does no harm. */
const otherEscape = /\\[^"\\]/
