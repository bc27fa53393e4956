/** A day or a month of UTC, by its name, such as `2026-11-30` or `2026-11`. */
export type Period = { readonly name: string; readonly endsAtMs: number }

/** The period of a time. UTC has no daylight saving time, so a day has 24 hours everywhere. */
export function periodAt(nowMs: number, kind: 'day' | 'month'): Period {
  const date = new Date(nowMs)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  const iso = date.toISOString()
  return kind === 'day'
    ? { name: iso.slice(0, 10), endsAtMs: Date.UTC(year, month, day + 1) }
    : { name: iso.slice(0, 7), endsAtMs: Date.UTC(year, month + 1, 1) }
}
