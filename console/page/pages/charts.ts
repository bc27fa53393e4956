import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ChartSummary, EventList } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import { a, component, div, label, nav, option, p, section, select, span, pageHead } from '../elements.ts'
import { seriesChart } from '../parts/series-chart.ts'
import { empty, failure, loading } from '../parts/states.ts'
import { addressOf, setQuery, useRoute } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'
import type { TimeSpan } from '../time-span.ts'

export function Page() {
  const { query } = useRoute()
  const timeSpan = useTimeSpan()
  const charts = useGet('/api/charts')
  const services = useGet('/api/services')
  const events = useGet('/api/events', {
    query: { from: Math.round(timeSpan.from), to: Math.round(timeSpan.to) },
  })
  const all = charts.data?.data ?? []
  const groups = [...new Set(all.map(({ group }) => group))]
  const group = groups.find((name) => name === query.get('group')) ?? groups[0]
  const service = query.get('service') ?? undefined
  const shown = all.filter((chart) => chart.group === group)
  return div(
    { class: 'page' },
    pageHead(
      'Charts',
      groupTabs(groups, group, service),
      serviceChoice(services.data?.data.map(({ name }) => name) ?? [], service),
    ),
    p(
      { class: 'quiet lead' },
      'In a chart the arrow keys move the cursor, and t shows the table. Dots are traces; drag to choose a span of time.',
    ),
    charts.data === undefined
      ? charts.error === undefined
        ? loading('the charts')
        : failure(charts.error, charts.reload)
      : shown.length === 0
        ? empty('No charts', p({}, 'The console has no charts of this group.'))
        : div(
            { class: 'charts' },
            ...shown.map((summary) =>
              lazyChart({ key: summary.name, summary, timeSpan, service, events: events.data?.data ?? [] }),
            ),
          ),
  )
}

function groupTabs(
  groups: readonly string[],
  current: string | undefined,
  service: string | undefined,
): VNode {
  return nav(
    { class: 'page-tabs', 'aria-label': 'Groups of charts' },
    ...groups.map((group) =>
      a(
        {
          key: group,
          href: addressOf('/charts', { group, service }),
          'aria-current': group === current ? 'page' : undefined,
        },
        group,
      ),
    ),
  )
}

function serviceChoice(names: readonly string[], current: string | undefined): VNode {
  return label(
    { class: 'choice' },
    span({}, 'Service'),
    select(
      { value: current ?? '', onChange: (event) => setQuery({ service: event.currentTarget.value }) },
      option({ value: '' }, 'all'),
      ...names.map((name) => option({ key: name, value: name }, name)),
    ),
  )
}

type LazyProps = {
  readonly summary: ChartSummary
  readonly timeSpan: TimeSpan
  readonly service: string | undefined
  readonly events: EventList['data']
}

/** A chart whose values are loaded when it comes near the view. */
const lazyChart = component(function LazyChart({ summary, timeSpan, service, events }: LazyProps) {
  const box = useRef<HTMLDivElement>(null)
  const [isNear, setNear] = useState(false)
  useEffect(() => {
    if (box.current === null) return
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true)
      },
      { rootMargin: '300px' },
    )
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  return div(
    { class: 'card chart-card', ref: box },
    isNear
      ? seriesChart({ summary, timeSpan, events, ...(service !== undefined && { service }) })
      : section({ class: 'chart', 'aria-label': summary.title }),
  )
})
