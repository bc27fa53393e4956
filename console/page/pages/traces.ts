import { useState } from 'preact/hooks'
import type { TraceList, TraceSummary } from '../../src/wire/index.ts'
import { get, useGet } from '../api.ts'
import { a, button, classes, div, form, h1, h2, header, input, label, p, span } from '../elements.ts'
import { useLive } from '../live.ts'
import { byCount, facet, filterPanel } from '../parts/facets.ts'
import { grid } from '../parts/grid.ts'
import type { Column, Sort } from '../parts/grid.ts'
import { histogram } from '../parts/histogram.ts'
import { usePagedRows, useReloadAfterGap } from '../parts/paged-rows.ts'
import { serviceName } from '../parts/service-name.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { agoText, counted, countText, durationText, shortCount, time } from '../parts/time.ts'
import { addressOf, go, setQuery, useRoute } from '../router.ts'
import type { Query } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'

const filterNames = ['service', 'route', 'status', 'why', 'min', 'max', 'words'] as const
type Filters = { readonly [Name in (typeof filterNames)[number]]: string }

/** The traces that are kept: filters beside them, their durations over time above them. */
export function Page() {
  const { query } = useRoute()
  const filters = filtersOf(query)
  const timeSpan = useTimeSpan()
  const byDuration = query.get('sort') === 'duration'
  const asked = { ...filters, sort: byDuration ? 'duration' : 'time' }
  const { from, to, isLive, name } = timeSpan
  const key = JSON.stringify([asked, name ?? [from, to]])
  const list = usePagedRows<TraceSummary>(
    key,
    (page, signal) =>
      get('/api/traces', {
        query: {
          ...asked,
          from: Math.floor(from),
          to: name === undefined ? Math.ceil(to) : undefined,
          ...page,
        },
        signal,
      }),
    byDuration ? (one, other) => other.durationMs - one.durationMs : (one, other) => other.at - one.at,
  )
  useReloadAfterGap(isLive, list.reload)
  const head = useGet('/api/traces', {
    query: { ...asked, from: Math.floor(from), to: Math.ceil(to), limit: 1 },
  })
  const [leftOut, setLeftOut] = useState(0)
  useLive(
    'traces',
    (batch) => {
      list.add(batch.data.filter((trace) => passes(trace, filters)))
      if (batch.leftOut > 0) setLeftOut((old) => old + batch.leftOut)
    },
    isLive,
  )
  const hasFilter = filterNames.some((one) => filters[one] !== '')
  return div(
    { class: 'page with-side' },
    header({ class: 'page-head' }, h1({}, 'Traces'), headLine(head.data, list.rows.length, leftOut)),
    filterPanel(
      {},
      hasFilter &&
        button(
          {
            type: 'button',
            onClick: () => setQuery(Object.fromEntries(filterNames.map((one) => [one, undefined]))),
          },
          'Clear all filters',
        ),
      facet({ name: 'service', title: 'Service', values: byCount(head.data?.facets.service ?? {}) }),
      facet({ name: 'route', title: 'Route', values: byCount(head.data?.facets.route ?? {}) }),
      facet({ name: 'status', title: 'Status', values: statuses }),
      facet({ name: 'why', title: 'Why kept', values: byCount(head.data?.facets.why ?? {}) }),
      durationForm(filters),
    ),
    div(
      { class: 'content' },
      filters.words !== '' &&
        div(
          { class: 'notice' },
          p({}, `Traces that have “${filters.words}”.`),
          button({ type: 'button', onClick: () => setQuery({ words: undefined }) }, 'All'),
        ),
      list.error !== undefined && list.rows.length > 0 && staleNotice(list.error, list.reload),
      content(),
    ),
  )

  function content() {
    if (list.rows.length === 0) {
      if (list.error !== undefined) return failure(list.error, list.reload)
      if (list.isLoading) return loading('traces')
      return hasFilter
        ? empty(
            'No trace passes these filters',
            'None that is kept of this span of time does.',
            clearButton(),
          )
        : empty(
            'No traces of this span of time',
            'A request appears here within a second. Choose a longer span, or send a request.',
            a({ class: 'button', href: addressOf('/logs') }, 'To the logs'),
          )
    }
    return [
      histogram({
        traces: list.rows,
        from,
        to,
        ...(list.hasMore && !byDuration && { loadMore: list.loadMore }),
      }),
      grid<TraceSummary>({
        label: 'Traces',
        columns: columnsFor(list.rows),
        rows: list.rows,
        keyOf: ({ id }) => id,
        textOf: (trace) =>
          [trace.id, trace.requestId, trace.root, ...trace.services, trace.status, trace.why].join(' '),
        open: ({ id }) => go(addressOf(`/traces/${id}`)),
        toneOf: ({ failed, why }) => (failed ? 'bad' : why === 'slow' ? 'warn' : undefined),
        sort: byDuration ? { by: 'duration', isDescending: true } : { by: 'time', isDescending: true },
        onSort: (sort: Sort) => setQuery({ sort: sort.by === 'duration' ? 'duration' : undefined }),
        nearEnd: list.loadMore,
      }),
    ]
  }
}

const statuses = [
  ['2xx', undefined],
  ['3xx', undefined],
  ['4xx', undefined],
  ['5xx', undefined],
] as const

function clearButton() {
  const changes: Query = Object.fromEntries(filterNames.map((one) => [one, undefined]))
  return button({ type: 'button', class: 'primary', onClick: () => setQuery(changes) }, 'Clear all filters')
}

function filtersOf(query: URLSearchParams): Filters {
  const value = (name: string) => query.get(name) ?? ''
  return {
    service: value('service'),
    route: value('route'),
    status: value('status'),
    why: value('why'),
    min: value('min'),
    max: value('max'),
    words: value('words'),
  }
}

/** Whether a trace of the stream belongs in the list, by the rules by which the server selects. */
function passes(trace: TraceSummary, { service, route, status, why, min, max, words }: Filters): boolean {
  return (
    // Words are looked up by the server alone.
    words === '' &&
    (service === '' || trace.services.includes(service)) &&
    (route === '' || trace.root === route) &&
    (status === '' ||
      [String(trace.status), `${Math.floor((trace.status ?? 0) / 100)}xx`].includes(status)) &&
    (why === '' || trace.why === why) &&
    (min === '' || trace.durationMs >= Number(min)) &&
    (max === '' || trace.durationMs <= Number(max))
  )
}

/** How much of everything the list shows. */
function headLine(list: TraceList | undefined, loaded: number, leftOut: number) {
  if (list === undefined) return p({ class: 'honest' }, ' ')
  const { kept, of, oldestAt, stopped } = list.held
  const errors = list.facets.why.error ?? 0
  return p(
    { class: 'honest' },
    span(
      {},
      of === null
        ? `${counted(kept, 'trace')} kept`
        : `${countText(kept)} kept of ${shortCount(of)} requests`,
    ),
    span({}, errors === 0 ? 'no errors' : `all ${counted(errors, 'error')}`),
    loaded < kept && span({}, `${countText(loaded)} loaded`),
    oldestAt !== null && span({}, `oldest ${agoText(oldestAt)}`),
    leftOut > 0 && span({}, `${countText(leftOut)} came too fast to be shown; reload to see them`),
    stopped && span({ class: 'bad-text' }, 'the search ended after 2 s, before it had seen everything'),
  )
}

function durationForm({ min, max }: Filters) {
  return form(
    {
      class: 'facet',
      key: `${min} ${max}`,
      onSubmit: (event) => {
        event.preventDefault()
        const data = new FormData(event.currentTarget)
        setQuery({ min: String(data.get('min')), max: String(data.get('max')) })
      },
    },
    h2({}, 'Duration in ms'),
    div(
      { class: 'range' },
      label(
        {},
        span({ class: 'hidden' }, 'At least'),
        input({ name: 'min', type: 'number', min: 0, step: 1, placeholder: 'from', defaultValue: min }),
      ),
      label(
        {},
        span({ class: 'hidden' }, 'At most'),
        input({ name: 'max', type: 'number', min: 0, step: 1, placeholder: 'to', defaultValue: max }),
      ),
      button({ type: 'submit' }, 'Apply'),
    ),
  )
}

function columnsFor(traces: readonly TraceSummary[]): readonly Column<TraceSummary>[] {
  const longest = traces.reduce((most, { durationMs }) => Math.max(most, durationMs), 1)
  const share = (ms: number) => Math.log10(1 + ms * 10) / Math.log10(1 + longest * 10)
  return [
    { key: 'time', title: 'Time', width: '9.5rem', sorts: true, cell: ({ at }) => time({ at }) },
    {
      key: 'root',
      title: 'Request',
      width: 'minmax(14rem, 3fr)',
      cell: ({ id, root }) => a({ href: addressOf(`/traces/${id}`), tabIndex: -1, class: 'mono' }, root),
    },
    {
      key: 'services',
      title: 'Services',
      width: 'minmax(10rem, 2fr)',
      cell: ({ services }) => services.map((name) => serviceName(name)),
    },
    {
      key: 'duration',
      title: 'Duration',
      width: '11rem',
      sorts: true,
      align: 'end',
      cell: ({ durationMs, why }) => [
        span(
          { class: 'bar-track' },
          span({ class: classes('bar', why), style: { width: `${share(durationMs) * 100}%` } }),
        ),
        span({ class: 'mono bar-text' }, durationText(durationMs)),
      ],
    },
    { key: 'spans', title: 'Spans', width: '4rem', align: 'end', cell: ({ spans }) => countText(spans) },
    { key: 'status', title: 'Status', width: '4rem', align: 'end', cell: ({ status }) => status ?? '–' },
    {
      key: 'why',
      title: 'Kept as',
      width: '5.5rem',
      cell: ({ why }) => span({ class: classes('tag', why) }, why),
    },
  ]
}
