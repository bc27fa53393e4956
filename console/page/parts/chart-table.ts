import type { VNode } from 'preact'
import type { ChartSummary, EventList, Series } from '../../src/wire/index.ts'
import { caption, div, table, tbody, td, th, thead, tr } from '../elements.ts'
import { instant } from './instant.ts'
import { quantity } from './quantity.ts'

/** More rows than these say less than the picture; then every second, third … value is shown, and the caption says so. */
const rowsMax = 200

export function chartTable(
  chart: ChartSummary,
  series: Series,
  events: EventList['data'],
  toggle: () => void,
): VNode {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 't' || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    toggle()
  }
  const each = Math.ceil(series.at.length / rowsMax)
  const rows = series.at.map((at, index) => ({ at, index })).filter(({ index }) => index % each === 0)
  const text = each === 1 ? chart.title : `${chart.title}, one of ${each} values`
  return div(
    {
      class: 'chart-table',
      tabIndex: 0,
      onKeyDown,
      role: 'region',
      'aria-label': `${chart.title}, as a table`,
    },
    table(
      {},
      caption({}, text),
      thead(
        { class: 'chart-rows chart-head' },
        tr(
          {},
          th({ scope: 'col' }, 'Time'),
          series.lines.map(({ label }) => th({ scope: 'col', key: label, class: 'figure' }, label)),
          events.length > 0 && th({ scope: 'col' }, 'What happened'),
        ),
      ),
      tbody(
        { class: 'chart-rows' },
        rows.toReversed().map(({ at, index }) =>
          tr(
            { key: at },
            th({ scope: 'row' }, instant(at)),
            series.lines.map(({ label, values }) =>
              td({ key: label, class: 'figure' }, quantity(values[index] ?? null, chart.unit)),
            ),
            events.length > 0 && td({}, eventsOf(events, at, series.at[index + each])),
          ),
        ),
      ),
    ),
  )
}

function eventsOf(events: EventList['data'], from: number, to = Number.POSITIVE_INFINITY): string {
  return events
    .filter(({ at }) => at >= from && at < to)
    .map(({ text }) => text)
    .join(' ')
}
