/** The opening hours of a market. Instants are milliseconds since the Unix epoch. */
export type Market = {
  isOpen(atMs: number): boolean
  hours(atMs: number): MarketHours
}

/** The next opening and closing; a market that never closes has neither. */
export type MarketHours = {
  readonly isOpen: boolean
  readonly nextOpen?: string
  readonly nextClose?: string
}

export type MarketRules = {
  /** Local times as `HH:MM` or `HH:MM:SS`. A `close` not later than `open` is on the next day. */
  readonly open: string
  readonly close: string
  /** `±HH:MM`, or a name from the IANA time zone database. */
  readonly zone: string
  /** The days on which the market opens: `mon-fri`, `mon,wed,fri`. */
  readonly days: string
}

/**
 * A market that opens and closes at fixed local times on some days of the week. A local time that occurs twice, when clocks
 * are set back, means the first occurrence; one that is skipped, when they are set forward, is later by the size of the jump.
 */
export function createMarket({ open, close, zone, days }: MarketRules): Market {
  const offsetAt = createOffsets(zone)
  const isMarketDay = createWeek(days)
  const openMs = timeOfDay(open)
  const closeMs = timeOfDay(close) + (timeOfDay(close) > openMs ? 0 : dayMs)
  const sessions = new Map<number, Session | undefined>()

  const dayOf = (atMs: number) => Math.floor((atMs + offsetAt(atMs)) / dayMs)

  function sessionOf(day: number): Session | undefined {
    if (sessions.has(day)) return sessions.get(day)
    const opensMs = instantOf(offsetAt, day * dayMs + openMs)
    const closesMs = instantOf(offsetAt, day * dayMs + closeMs)
    const session = isMarketDay(day) && opensMs < closesMs ? { opensMs, closesMs } : undefined
    if (sessions.size >= cachedDaysMax) sessions.clear()
    sessions.set(day, session)
    return session
  }

  function isOpen(atMs: number): boolean {
    const today = dayOf(atMs)
    return [sessionOf(today), sessionOf(today - 1)].some((session) => contains(session, atMs))
  }

  function hours(atMs: number): MarketHours {
    const today = dayOf(atMs)
    const upcoming = Array.from({ length: horizonDays }, (_, i) => sessionOf(today - 1 + i))
    const [first, second] = mergeAdjacent(upcoming).filter(({ closesMs }) => closesMs > atMs)
    const open = contains(first, atMs)
    const nextOpen = open ? second?.opensMs : first?.opensMs
    // A session that reaches the horizon was merged with those of all days before it, so the market never closes.
    const nextClose = first && dayOf(first.closesMs) < today + horizonDays - 2 ? first.closesMs : undefined
    return {
      isOpen: open,
      ...(nextOpen !== undefined && { nextOpen: timestampOf(offsetAt, nextOpen) }),
      ...(nextClose !== undefined && { nextClose: timestampOf(offsetAt, nextClose) }),
    }
  }

  return { isOpen, hours }
}

/** Whether `createMarket` accepts this zone. */
export function isZone(zone: string): boolean {
  try {
    return Number.isFinite(createOffsets(zone)(0))
  } catch {
    return false
  }
}

const weekdays: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const weekday = weekdays.join('|')
export const daysPattern = `^(?:${weekday})(?:-(?:${weekday}))?(?:,(?:${weekday})(?:-(?:${weekday}))?)*$`
export const timePattern = '^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d)?$'

type Session = { readonly opensMs: number; readonly closesMs: number }
type Offsets = (atMs: number) => number

const dayMs = 86_400_000
const cachedDaysMax = 1_000
/** Yesterday, today, and more than a week, within which every market that closes at all does so. */
const horizonDays = 11

function contains(session: Session | undefined, atMs: number): boolean {
  return session !== undefined && session.opensMs <= atMs && atMs < session.closesMs
}

/** Merges sessions that touch: a market that closes and opens at midnight does not close. */
function mergeAdjacent(sessions: readonly (Session | undefined)[]): Session[] {
  const runs: Session[] = []
  for (const session of sessions) {
    if (session === undefined) continue
    const last = runs.at(-1)
    if (last === undefined || last.closesMs < session.opensMs) runs.push(session)
    else runs[runs.length - 1] = { opensMs: last.opensMs, closesMs: session.closesMs }
  }
  return runs
}

/** Whether a day, counted from the epoch, is a market day. The epoch was a Thursday. */
function createWeek(days: string): (day: number) => boolean {
  const chosen = new Set<number>()
  for (const range of days.split(',')) {
    const [from = -1, to = from] = range.split('-').map((name) => weekdays.indexOf(name))
    for (let day = from; ; day = (day + 1) % 7) {
      chosen.add(day)
      if (day === to) break
    }
  }
  return (day) => chosen.has((((day + 4) % 7) + 7) % 7)
}

function timeOfDay(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
  return ((hours * 60 + minutes) * 60 + seconds) * 1000
}

/** How far the zone's clocks are ahead of UTC, in milliseconds. */
function createOffsets(zone: string): Offsets {
  const fixed = offsetOf(zone)
  if (fixed !== undefined) return () => fixed
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  return (atMs) => {
    const name = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    return offsetOf(name.replace('GMT', '')) ?? 0
  }
}

function offsetOf(text: string): number | undefined {
  const [, sign, time = ''] = /^([+-])((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)$/.exec(text) ?? []
  if (sign === undefined) return undefined
  return sign === '-' ? -timeOfDay(time) : timeOfDay(time)
}

/** The first instant with this local time; a skipped local time is converted by the offset before the jump. */
function instantOf(offsetAt: Offsets, wallMs: number): number {
  const before = offsetAt(wallMs - dayMs)
  const after = offsetAt(wallMs + dayMs)
  const instants = [before, after].map((offset) => wallMs - offset).filter((t) => t + offsetAt(t) === wallMs)
  return instants.length === 0 ? wallMs - before : Math.min(...instants)
}

/** RFC 3339 with the zone's offset at that instant. */
function timestampOf(offsetAt: Offsets, atMs: number): string {
  const offset = offsetAt(atMs)
  const [hours, minutes] = new Date(Math.abs(offset)).toISOString().slice(11, 16).split(':')
  const wall = new Date(atMs + offset).toISOString().slice(0, 19)
  return `${wall}${offset < 0 ? '-' : '+'}${hours}:${minutes}`
}
