import type { Entry } from '../port.ts'

/** What is stored under a key and for how long; an empty text stores nothing. */
export type StoredEntry = { readonly text: string; readonly ttlMs: number }

/** The text of a key that is known to be absent. */
export const absentText = 'N'

/** Stores nothing. */
export const emptyEntry: StoredEntry = { text: '', ttlMs: 0 }

/** Whether a text is a value or a known absence, rather than a lease or a marker. */
export function isEntryText(text: string | null): text is string {
  return text !== null && (text.startsWith('E') || text === absentText)
}

/** `E<version>|<expiry in ms, empty for none>|<owner, empty for none><line feed><text>`; no owner has a control character. */
export function encodeEntry({ version, expiresAtMs, text, owner }: Entry): string {
  const expiry = expiresAtMs === Number.POSITIVE_INFINITY ? '' : expiresAtMs
  return `E${version}|${expiry}|${owner ?? ''}\n${text}`
}

export function decodeEntry(text: string): Entry {
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const end = text.indexOf('\n', second + 1)
  const expiry = text.slice(first + 1, second)
  return {
    version: Number(text.slice(1, first)),
    expiresAtMs: expiry === '' ? Number.POSITIVE_INFINITY : Number(expiry),
    text: text.slice(end + 1),
    ...(end > second + 1 && { owner: text.slice(second + 1, end) }),
  }
}
