import type { Entry } from '../port.ts'

/** What is stored under a key and for how long; an empty text stores nothing. */
export type StoredEntry = { readonly text: string; readonly ttlMs: number }

/** The text of a key that is known to be absent. */
export const absentText = 'N'

/** Stores nothing. */
export const emptyEntry: StoredEntry = { text: '', ttlMs: 0 }

/** Whether a text is a value or a known absence, rather than a lease or a marker. */
export function isEntryText(text: string | null): text is string {
  return text !== null && (text.startsWith('V') || text === absentText)
}

/** `V<version>|<expiry in ms, empty for none>|<text>` */
export function encodeEntry({ version, expiresAtMs, text }: Entry): string {
  return `V${version}|${expiresAtMs === Number.POSITIVE_INFINITY ? '' : expiresAtMs}|${text}`
}

export function decodeEntry(text: string): Entry {
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const expiry = text.slice(first + 1, second)
  return {
    version: Number(text.slice(1, first)),
    expiresAtMs: expiry === '' ? Number.POSITIVE_INFINITY : Number(expiry),
    text: text.slice(second + 1),
  }
}
