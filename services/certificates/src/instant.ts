/**
 * The milliseconds of Unix seconds, of a date, or of a time of RFC 3339, whose letters may be small; undefined for any other text,
 * and for a date or time that does not exist. A plus that was not escaped in a query arrives as a space.
 */
export function readInstant(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000
  const { date, time = '00:00:00', fraction = '', zone = 'Z' } = form.exec(text)?.groups ?? {}
  if (date === undefined) return undefined
  const isLeap = time.endsWith(':60')
  const timeMs = Date.parse(`1970-01-01T${isLeap ? time.replace(/60$/, '59') : time}Z`)
  const offsetMs = offsetOf(zone)
  if (!isCalendarDate(date) || Number.isNaN(timeMs) || offsetMs === undefined) return undefined
  const ms = startOf(date) + timeMs - offsetMs
  if (isLeap) return endsMonth(ms) ? ms + 1000 : undefined
  return ms + Math.floor(Number(`0${fraction}`) * 1000)
}

const form =
  /^(?<date>\d{4}-\d\d-\d\d)(?:T(?<time>(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60))?)(?<fraction>\.\d{1,9})?(?<zone>Z|[ +-]\d\d:\d\d))?$/i

/** Whether a date in the form YYYY-MM-DD exists. Date.parse takes 31 February for 3 March. */
export function isCalendarDate(date: string): boolean {
  const ms = startOf(date)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${date}T`)
}

function startOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`)
}

function offsetOf(zone: string): number | undefined {
  if (/^z$/i.test(zone)) return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))]
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** A leap second follows 23:59:59 UTC of the last day of a month (RFC 3339, 5.7). */
function endsMonth(ms: number): boolean {
  const next = new Date(ms + 1000)
  return next.getUTCDate() === 1 && next.getTime() % 86_400_000 === 0
}
