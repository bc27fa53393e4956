import { component, timeElement } from '../elements.ts'
import { timeZone } from '../preferences.ts'
import { useStore } from '../store.ts'

type Zone = 'local' | 'UTC'
type Parts = 'time' | 'date' | 'both' | 'minute'

const options: Readonly<Record<Parts, Intl.DateTimeFormatOptions>> = {
  time: { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 },
  minute: { hour: '2-digit', minute: '2-digit' },
  date: { day: 'numeric', month: 'short' },
  both: {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  },
}
const formats = new Map<string, Intl.DateTimeFormat>()

/** A time as text, in the zone that was chosen. */
export function timeText(at: number, parts: Parts, zone: Zone = timeZone.get()): string {
  if (!Number.isFinite(at)) return '–'
  const key = `${parts} ${zone}`
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat(undefined, {
      ...options[parts],
      hourCycle: 'h23',
      ...(zone === 'UTC' && { timeZone: 'UTC' }),
    })
  formats.set(key, format)
  return format.format(at)
}

/** A point in time: the time of day, and before it the date unless that is today. Hovering shows it whole, in UTC. */
export const time = component(function Time({ at }: { readonly at: number }) {
  const zone = useStore(timeZone)
  const iso = Number.isFinite(at) ? new Date(at).toISOString() : ''
  const day = timeText(at, 'date', zone)
  const isToday = day === timeText(Date.now(), 'date', zone)
  const text = timeText(at, 'time', zone)
  return timeElement(
    { dateTime: iso, title: iso.replace('T', ' ').replace('Z', ' UTC') },
    isToday ? text : `${day} ${text}`,
  )
})

/** A point in time without fractions, as on an axis: the date where the span is longer than a day. */
export function axisText(at: number, spanMs: number): string {
  return spanMs > 36 * 3_600_000
    ? `${timeText(at, 'date')} ${timeText(at, 'minute')}`
    : timeText(at, 'minute')
}

const units = [
  { ms: 86_400_000, name: 'd', next: { ms: 3_600_000, name: 'h' } },
  { ms: 3_600_000, name: 'h', next: { ms: 60_000, name: 'min' } },
  { ms: 60_000, name: 'min', next: { ms: 1_000, name: 's' } },
] as const

/** A duration in two units or three digits: `0.42 ms`, `12.3 ms`, `1.24 s`, `2 min 3 s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${digits(ms)} ms`
  const unit = units.find((one) => ms >= one.ms)
  if (unit === undefined) return `${digits(ms / 1_000)} s`
  const rest = Math.floor((ms % unit.ms) / unit.next.ms)
  return `${Math.floor(ms / unit.ms)} ${unit.name}${rest > 0 ? ` ${rest} ${unit.next.name}` : ''}`
}

/** How long ago something was: `now`, `12 s ago`, `3 d 4 h ago`. */
export function agoText(at: number, now = Date.now()): string {
  const ms = now - at
  return ms < 1_000 ? 'now' : `${ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : durationText(ms)} ago`
}

const whole = new Intl.NumberFormat()
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 })
const threeDigits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 })
const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumSignificantDigits: 2 })

export const countText = (value: number): string => whole.format(value)
/** `1.2M`; the whole number below 10,000. */
export const shortCount = (value: number): string => (value < 10_000 ? whole : short).format(value)
export const shareText = (value: number): string => share.format(value)
export const digits = (value: number): string => threeDigits.format(value)

/** `1 row`, `2 rows`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${count === 1 ? one : many}`

export function bytesText(bytes: number): string {
  const exponent = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 4)
  return `${digits(bytes / 1024 ** exponent)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][exponent]}`
}
