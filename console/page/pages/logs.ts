import { useEffect, useState } from 'preact/hooks'
import type { Held, LogLine } from '../../src/wire/index.ts'
import { get, useGet } from '../api.ts'
import {
  a,
  aside,
  button,
  component,
  div,
  form,
  h1,
  header,
  input,
  label,
  option,
  p,
  select,
  span,
} from '../elements.ts'
import { onKey } from '../keys.ts'
import { useLive } from '../live.ts'
import { icon } from '../parts/icons.ts'
import { linePanel, logList } from '../parts/log-list.ts'
import { usePagedRows, useReloadAfterGap } from '../parts/paged-rows.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { agoText, counted, countText } from '../parts/time.ts'
import { addressOf, setQuery, useRoute } from '../router.ts'
import { toggleLive, useTimeSpan } from '../time-span.ts'

const levels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
const filterNames = ['level', 'service', 'words', 'trace', 'request'] as const
type Filters = { readonly [Name in (typeof filterNames)[number]]: string }

/** The lines that are kept, with new ones on top as they come; or those around one. */
export function Page() {
  const around = useRoute().query.get('around')
  return around === null ? allLines({}) : linesAround({ id: around })
}

const allLines = component(function AllLines() {
  const { query } = useRoute()
  const filters = filtersOf(query)
  const { from, to, isLive, name } = useTimeSpan()
  const [held, setHeld] = useState<Held | undefined>(undefined)
  const [leftOut, setLeftOut] = useState(0)
  const [waiting, setWaiting] = useState(0)
  const list = usePagedRows<LogLine>(
    JSON.stringify([filters, name ?? [from, to]]),
    async (page, signal) => {
      const end = name === undefined ? Math.ceil(to) : undefined
      const found = await get('/api/logs', {
        query: { ...filters, from: Math.floor(from), to: end, ...page },
        signal,
      })
      if (page.cursor === undefined) setHeld(found.held)
      return found
    },
    (one, other) => other.id - one.id,
  )
  useReloadAfterGap(isLive, list.reload)
  const isPaused = !isLive && name !== undefined
  useEffect(() => setWaiting(0), [isPaused])
  useLive(
    'logs',
    (batch) => {
      const found = batch.data.filter((line) => passes(line, filters))
      if (isPaused) setWaiting((old) => old + found.length + batch.leftOut)
      else {
        list.add(found)
        if (batch.leftOut > 0) setLeftOut((old) => old + batch.leftOut)
      }
    },
    name !== undefined,
  )
  const hasFilter = filterNames.some((one) => filters[one] !== '')
  return div(
    { class: 'page fills' },
    header({ class: 'page-head' }, h1({}, 'Logs'), headLine(held, list.rows.length, leftOut)),
    toolbar({ filters }),
    isPaused &&
      div(
        { class: 'notice warn' },
        p({ role: 'status' }, `Paused: ${counted(waiting, 'line')} since then.`),
        button({ type: 'button', onClick: toggleLive }, icon('play'), 'Go on'),
      ),
    list.error !== undefined && list.rows.length > 0 && staleNotice(list.error, list.reload),
    content(),
  )

  function content() {
    if (list.rows.length > 0) return linesWithPanel({ lines: list.rows, nearEnd: list.loadMore })
    if (list.error !== undefined) return failure(list.error, list.reload)
    if (list.isLoading) return loading('the log')
    return hasFilter
      ? empty('No line passes these filters', 'None that is kept of this span of time does.', clearButton())
      : empty(
          'No lines of this span of time',
          'Kept are lines from warn on, and those of recorded requests. Choose a longer span.',
        )
  }
})

const linesAround = component(function LinesAround({ id }: { readonly id: string }) {
  const { data, error, reload } = useGet('/api/logs', { query: { around: id } })
  return div(
    { class: 'page fills' },
    header(
      { class: 'page-head' },
      h1({}, 'Logs'),
      p(
        { class: 'honest' },
        span({}, 'the 50 lines before and after one'),
        data && span({}, counted(data.data.length, 'line')),
      ),
    ),
    div({ class: 'toolbar' }, a({ class: 'button', href: addressOf('/logs') }, icon('back'), 'All lines')),
    data !== undefined
      ? linesWithPanel({ lines: data.data })
      : error !== undefined
        ? failure(error, reload)
        : loading('the log'),
  )
})

const linesWithPanel = component(function LinesWithPanel(props: {
  readonly lines: readonly LogLine[]
  readonly nearEnd?: () => void
}) {
  const id = Number(useRoute().query.get('line') ?? '')
  const here = props.lines.find((line) => line.id === id)
  const [opened, setOpened] = useState(here)
  const shown = here ?? (opened?.id === id ? opened : undefined)
  const close = () => setQuery({ line: undefined }, { replace: true })
  useEffect(() => onKey('Escape', close), [])
  return div(
    { class: 'with-panel' },
    logList({
      lines: props.lines,
      open: (line) => {
        setOpened(line)
        setQuery({ line: line.id }, { replace: true })
      },
      openId: shown?.id,
      ...(props.nearEnd !== undefined && { nearEnd: props.nearEnd }),
    }),
    shown !== undefined &&
      aside(
        { class: 'panel', 'aria-label': 'The line' },
        button(
          { type: 'button', class: 'plain panel-close', 'aria-label': 'Close', onClick: close },
          icon('close'),
        ),
        linePanel({ line: shown }),
      ),
  )
})

function clearButton() {
  const changes = Object.fromEntries(filterNames.map((one) => [one, undefined]))
  return button({ type: 'button', class: 'primary', onClick: () => setQuery(changes) }, 'Clear all filters')
}

function filtersOf(query: URLSearchParams): Filters {
  const value = (name: string) => query.get(name) ?? ''
  return {
    level: value('level'),
    service: value('service'),
    words: value('words'),
    trace: value('trace'),
    request: value('request'),
  }
}

/** Whether a line of the stream belongs in the list, by the rules by which the server selects. */
function passes(line: LogLine, { level, service, words, trace, request }: Filters): boolean {
  const text = line.line.toLowerCase()
  return (
    levels.indexOf(line.level) >= levels.indexOf(level) &&
    (service === '' || line.service === service) &&
    (trace === '' || line.traceId === trace) &&
    (request === '' || line.requestId === request) &&
    words
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word))
  )
}

function headLine(held: Held | undefined, loaded: number, leftOut: number) {
  if (held === undefined) return p({ class: 'honest' }, ' ')
  return p(
    { class: 'honest' },
    span(
      {},
      held.of === null
        ? `${counted(held.kept, 'line')} kept`
        : `${countText(held.kept)} kept of ${countText(held.of)}`,
    ),
    loaded < held.kept && span({}, `${countText(loaded)} loaded`),
    held.oldestAt !== null && span({}, `oldest ${agoText(held.oldestAt)}`),
    leftOut > 0 && span({}, `${countText(leftOut)} came too fast to be shown`),
    held.stopped && span({ class: 'bad-text' }, 'the search ended after 2 s, before it had seen everything'),
  )
}

const toolbar = component(function Toolbar({ filters }: { readonly filters: Filters }) {
  const services = useGet('/api/services').data?.data.map(({ name }) => name) ?? []
  const names =
    services.includes(filters.service) || filters.service === '' ? services : [filters.service, ...services]
  const hasFilter = filterNames.some((one) => filters[one] !== '')
  return form(
    {
      class: 'toolbar',
      role: 'search',
      'aria-label': 'Filters',
      onSubmit: (event) => {
        event.preventDefault()
        setQuery({ words: String(new FormData(event.currentTarget).get('words')) })
      },
    },
    label(
      {},
      'From level ',
      select(
        { value: filters.level, onChange: (event) => setQuery({ level: event.currentTarget.value }) },
        option({ value: '' }, 'all'),
        ...levels.map((level) => option({ key: level, value: level }, level)),
      ),
    ),
    label(
      {},
      'Service ',
      select(
        { value: filters.service, onChange: (event) => setQuery({ service: event.currentTarget.value }) },
        option({ value: '' }, 'all'),
        ...names.map((name) => option({ key: name, value: name }, name)),
      ),
    ),
    label(
      { class: 'words' },
      'Words ',
      input({
        key: filters.words,
        name: 'words',
        type: 'search',
        defaultValue: filters.words,
        placeholder: 'in all kept lines',
      }),
    ),
    button({ type: 'submit' }, 'Search'),
    filters.trace !== '' && chip('trace', filters.trace),
    filters.request !== '' && chip('request', filters.request),
    hasFilter &&
      button(
        {
          type: 'button',
          onClick: () => setQuery(Object.fromEntries(filterNames.map((one) => [one, undefined]))),
        },
        'Clear all',
      ),
  )
})

function chip(name: 'trace' | 'request', value: string) {
  return button(
    {
      type: 'button',
      class: 'chip',
      'aria-label': `Remove the filter ${name} ${value}`,
      onClick: () => setQuery({ [name]: undefined }),
    },
    `${name} `,
    span({ class: 'mono' }, value.slice(0, 12)),
    icon('close'),
  )
}
