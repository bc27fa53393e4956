import { useEffect, useState } from 'preact/hooks'
import { button, classes, component, div, fieldset, form, input, label, legend, span } from './elements.ts'
import { onKey } from './keys.ts'
import { liveState } from './live.ts'
import { icon } from './parts/icons.ts'
import { timeText } from './parts/time.ts'
import { useStore } from './store.ts'
import { chooseRange, chooseSpan, moveSpan, spans, toggleLive, useTimeSpan } from './time-span.ts'
import type { TimeSpan } from './time-span.ts'

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
