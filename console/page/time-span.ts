import { useEffect, useState } from 'preact/hooks'
import { button, classes, component, div, fieldset, form, input, label, legend, span } from './elements.ts'
import { onKey } from './keys.ts'
import { liveState } from './live.ts'
import { icon } from './parts/icons.ts'
import { timeText } from './parts/time.ts'
import { currentRoute, setQuery, useRoute } from './router.ts'
import { useStore } from './store.ts'

const spans = [
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

const chooseSpan = (name: string) => setQuery({ span: name, from: undefined, to: undefined })
export const chooseRange = (from: number, to: number) =>
  setQuery({ from: Math.round(from), to: Math.round(to), span: undefined })
export const toggleLive = () =>
  setQuery({ live: currentRoute().query.get('live') === 'off' ? undefined : 'off' }, { replace: true })

/** Moves the span by half of itself, back or forth; one that reaches now ends there. */
function moveSpan(span: TimeSpan, direction: -1 | 1): void {
  const step = ((span.to - span.from) / 2) * direction
  const to = Math.min(span.to + step, Date.now())
  chooseRange(to - (span.to - span.from), to)
}

/** The span of time of all pages, and whether they move with the clock. */
export const timeControls = component(function TimeControls() {
  const current = useTimeSpan()
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const undo = [
      onKey('[', () => moveSpan(current, -1)),
      onKey(']', () => moveSpan(current, 1)),
      onKey(' ', () => toggleLive()),
    ]
    return () => {
      for (const one of undo) one()
    }
  })
  return fieldset(
    { class: 'times' },
    legend({ class: 'hidden' }, 'Span of time'),
    div(
      { class: 'segments' },
      ...spans.map(({ name, title }) =>
        button(
          {
            key: name,
            type: 'button',
            'aria-pressed': current.name === name,
            onClick: () => chooseSpan(name),
          },
          title,
        ),
      ),
      button(
        {
          type: 'button',
          'aria-pressed': current.name === undefined,
          'aria-expanded': isOpen,
          onClick: () => setOpen(!isOpen),
        },
        current.name === undefined ? rangeText(current) : 'From – to',
      ),
    ),
    liveButton(current),
    isOpen && rangeForm({ current, close: () => setOpen(false) }),
  )
})

function rangeText({ from, to }: TimeSpan): string {
  const day = timeText(from, 'date')
  const lastDay = timeText(to, 'date')
  return `${day} ${timeText(from, 'minute')} – ${day === lastDay ? '' : `${lastDay} `}${timeText(to, 'minute')}`
}

const liveTexts = {
  off: 'Live',
  connecting: 'Connecting',
  live: 'Live',
  away: 'No response',
  hidden: 'Live',
} as const

function liveButton(current: TimeSpan) {
  return liveButtonView({ isLive: current.isLive, isFixed: current.name === undefined })
}

const liveButtonView = component(function LiveButton(props: {
  readonly isLive: boolean
  readonly isFixed: boolean
}) {
  const state = useStore(liveState)
  const text = props.isFixed ? 'Fixed' : props.isLive ? liveTexts[state] : 'Paused'
  return button(
    {
      type: 'button',
      class: classes('live', props.isLive && `live-${state}`),
      'aria-pressed': props.isLive,
      disabled: props.isFixed,
      title: props.isFixed ? 'A span with a fixed end does not move. Choose one that ends now.' : undefined,
      onClick: toggleLive,
    },
    icon(props.isLive ? 'pause' : 'play'),
    span({}, text),
  )
})

const rangeForm = component(function RangeForm(props: {
  readonly current: TimeSpan
  readonly close: () => void
}) {
  const [from, setFrom] = useState(fieldText(props.current.from))
  const [to, setTo] = useState(fieldText(props.current.to))
  const isValid = new Date(from) < new Date(to)
  const field = (name: string, value: string, change: (text: string) => void) =>
    label(
      {},
      span({}, name),
      input({
        type: 'datetime-local',
        step: 1,
        required: true,
        value,
        onInput: (event) => change(event.currentTarget.value),
      }),
    )
  return form(
    {
      class: 'popover',
      onSubmit: (event) => {
        event.preventDefault()
        if (!isValid) return
        chooseRange(new Date(from).getTime(), new Date(to).getTime())
        props.close()
      },
      onKeyDown: (event) => {
        if (event.key === 'Escape') props.close()
      },
    },
    field('From', from, setFrom),
    field('To', to, setTo),
    !isValid && span({ class: 'fault', role: 'alert' }, 'From must be before To.'),
    button({ type: 'submit', class: 'primary', disabled: !isValid }, 'Show'),
  )
})

/** A time as `datetime-local` has it: local, without a zone. */
function fieldText(at: number): string {
  const date = new Date(at)
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}
