import type { VNode } from 'preact'
import type { ChartSummary, EventList, Series } from '../../src/wire/index.ts'
import { a, classes, div, span } from '../elements.ts'
import { addressOf } from '../router.ts'
import type { PlotFrame } from './chart-plot.ts'
import { instant } from './instant.ts'
import { quantity } from './quantity.ts'

/** What is drawn over the plot in HTML, since it leads somewhere or has words. */
export function overlay(
  chart: ChartSummary,
  series: Series,
  events: EventList['data'],
  { from, to }: { readonly from: number; readonly to: number },
  frame: PlotFrame,
): VNode {
  const x = (at: number) => `${((at - frame.min) / (frame.max - frame.min)) * 100}%`
  const y = (value: number) => `${(1 - (value - frame.low) / (frame.high - frame.low)) * 100}%`
  return div(
    {
      class: 'chart-overlay',
      style: {
        left: `${frame.left}px`,
        top: `${frame.top}px`,
        width: `${frame.width}px`,
        height: `${frame.height}px`,
      },
    },
    events
      .filter(({ at }) => at >= from && at <= to)
      .map((event) =>
        div(
          {
            key: `${event.at} ${event.text}`,
            class: classes('chart-mark', event.kind),
            style: { left: x(event.at) },
          },
          span({ class: 'chart-mark-head', title: `${instant(event.at)} ${event.text}` }),
        ),
      ),
    series.exemplars
      .filter(({ at }) => at >= from && at <= to)
      .map(({ at, value, traceId }) =>
        a({
          key: traceId,
          class: 'chart-exemplar',
          href: addressOf(`/traces/${traceId}`),
          style: { left: x(at), top: y(value) },
          'aria-label': `Trace of ${quantity(value, chart.unit)} at ${instant(at)}`,
          title: `Trace of ${quantity(value, chart.unit)}`,
        }),
      ),
  )
}
