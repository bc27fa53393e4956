import { useEffect, useState } from 'preact/hooks'
import { currentRoute, setQuery, useRoute } from './router.ts'

export const spans = [
  { name: '15m', title: '15 min', ms: 15 * 60_000 },
  { name: '1h', title: '1 h', ms: 60 * 60_000 },
  { name: '6h', title: '6 h', ms: 6 * 60 * 60_000 },
  { name: '3d', title: '3 d', ms: 3 * 24 * 60 * 60_000 },
  { name: '30d', title: '30 d', ms: 30 * 24 * 60 * 60_000 },
] as const
const standard = spans[1]

export type TimeSpan = {
  /** One of `spans`, or undefined where it has a fixed beginning and end. */
  readonly name: string | undefined
  readonly from: number
  readonly to: number
  /** Whether it moves with the clock, and new data is shown as it comes. */
  readonly isLive: boolean
}

/** How often a span that ends now moves on. */
const tickMs = 10_000

/** The span of time in the address. */
export function useTimeSpan(): TimeSpan {
  const { query } = useRoute()
  const [now, setNow] = useState(() => Date.now())
  const [from, to, name, live] = ['from', 'to', 'span', 'live'].map((key) => query.get(key) ?? '')
  const isFixed = from !== '' || to !== ''
  const isLive = !isFixed && live !== 'off'
  useEffect(() => {
    setNow(Date.now())
    if (!isLive) return
    const timer = setInterval(() => setNow(Date.now()), tickMs)
    return () => clearInterval(timer)
  }, [isLive, name])
  const chosen = spans.find((one) => one.name === name) ?? standard
  if (!isFixed) return { name: chosen.name, from: now - chosen.ms, to: now, isLive }
  const end = instantOf(to) ?? now
  return { name: undefined, from: instantOf(from) ?? end - chosen.ms, to: end, isLive: false }
}

function instantOf(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

export const chooseSpan = (name: string) => setQuery({ span: name, from: undefined, to: undefined })
export const chooseRange = (from: number, to: number) =>
  setQuery({ from: Math.round(from), to: Math.round(to), span: undefined })
export const toggleLive = () =>
  setQuery({ live: currentRoute().query.get('live') === 'off' ? undefined : 'off' }, { replace: true })

/** Moves the span by half of itself, back or forth; one that reaches now ends there. */
export function moveSpan(span: TimeSpan, direction: -1 | 1): void {
  const step = ((span.to - span.from) / 2) * direction
  const to = Math.min(span.to + step, Date.now())
  chooseRange(to - (span.to - span.from), to)
}
