import type { VNode } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ChartSummary, EventList, Series } from '../../src/wire/index.ts'
import {
  button,
  classes,
  component,
  div,
  h2,
  header,
  li,
  p,
  section,
  span,
  ul,
  useWidth,
} from '../elements.ts'
import { theme } from '../preferences.ts'
import { chooseRange } from '../time-span.ts'
import { overlay } from './chart-overlay.ts'
import { createPlot } from './chart-plot.ts'
import type { Plot, PlotFrame } from './chart-plot.ts'
import { chartTable } from './chart-table.ts'
import { copyButton } from './copy-button.ts'
import { instant } from './instant.ts'
import { lineColors } from './line-colors.ts'
import { quantity } from './quantity.ts'
import { counted } from './time.ts'

type Marks = EventList['data']
type Range = { readonly from: number; readonly to: number }
type ChartProps = {
  readonly chart: ChartSummary
  /** Undefined until it is here. */
  readonly series: Series | undefined
  readonly range: Range
  readonly events: Marks
  /** How many smaller lines there are beside those of the series. */
  readonly leftOut?: number
  readonly height?: number
}

/**
 * A chart for everybody: the arrow keys move a cursor whose values are spoken, `t` shows the same as a table, marks say what changed the
 * system, and dots lead to traces.
 */
export const chart = component(({ chart, series, range, events, leftOut = 0, height = 190 }: ChartProps) => {
  const titleId = useId()
  const [isTable, setIsTable] = useState(false)
  const toggle = () => setIsTable((old) => !old)
  const whole = useRef<HTMLElement>(null)
  const isByKey = useRef(false)
  const toggleByKey = () => {
    isByKey.current = true
    toggle()
  }
  // The focus was in what is replaced.
  useEffect(() => {
    if (isByKey.current) whole.current?.querySelector<HTMLElement>('.chart-box, .chart-table')?.focus()
    isByKey.current = false
  }, [isTable])
  return section(
    { class: 'chart', ref: whole, 'aria-labelledby': titleId },
    header(
      {},
      h2({ id: titleId }, chart.title),
      button({ type: 'button', class: 'plain', 'aria-pressed': isTable, onClick: toggle }, 'Table'),
      copyButton({ text: chart.promql, what: 'The query', title: 'PromQL' }),
    ),
    p({ class: 'chart-about' }, chart.description),
    series === undefined
      ? div({ class: 'chart-empty', style: { height: `${height}px` } }, 'Loading …')
      : isEmpty(series)
        ? div({ class: 'chart-empty', style: { height: `${height}px` } }, 'No values in this span of time.')
        : isTable
          ? chartTable(chart, series, events, toggleByKey)
          : chartPicture({ chart, series, range, events, height, toggle: toggleByKey, titleId }),
    leftOut > 0 &&
      p(
        { class: 'chart-about' },
        `${counted(leftOut, 'smaller line')} left out. Choose a service to see its lines.`,
      ),
  )
})

function isEmpty({ lines }: Series): boolean {
  return lines.every(({ values }) => values.every((value) => value === null))
}

type PictureProps = Required<Omit<ChartProps, 'series' | 'leftOut'>> & {
  readonly series: Series
  readonly toggle: () => void
  readonly titleId: string
}

const chartPicture = component((props: PictureProps) => {
  const { chart, series, range, events, height } = props
  const [line, setLine] = useState<number>()
  const [index, setIndex] = useState<number>()
  const [spoken, setSpoken] = useState('')
  const { box, plot, frame } = usePlot(props, setIndex)

  useEffect(() => plot.current?.setCursor(index), [index])
  useEffect(() => plot.current?.emphasize(line), [line])

  function moveTo(next: number, nextLine = line): void {
    const kept = Math.max(0, Math.min(next, series.at.length - 1))
    setIndex(kept)
    setLine(nextLine)
    setSpoken(valuesInWords(chart, series, events, kept, nextLine))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const wanted = keyOf(event.key, index ?? series.at.length, line, series)
    if (wanted === undefined) return
    event.preventDefault()
    event.stopPropagation()
    if (wanted === 'table') props.toggle()
    else if (wanted === 'leave') {
      setIndex(undefined)
      setLine(undefined)
    } else moveTo(wanted.index, wanted.line)
  }
  return div(
    { class: 'chart-picture' },
    div(
      {
        class: 'chart-box',
        tabIndex: 0,
        role: 'application',
        'aria-roledescription': 'chart',
        'aria-labelledby': props.titleId,
        'aria-description': 'Arrow keys move the cursor and choose a line; t shows a table.',
        onKeyDown,
        onBlur: () => setIndex(undefined),
      },
      div({ class: 'chart-plot', ref: box, style: { height: `${height}px` } }),
      frame !== undefined && overlay(chart, series, events, range, frame),
    ),
    legend(chart, series, index, line, setLine),
    div({ class: 'hidden', role: 'status' }, spoken),
  )
})

/** The plot of a box, which lives as long as its lines have the same names. */
function usePlot(
  { chart, series, range, height }: PictureProps,
  onCursor: (index: number | undefined) => void,
) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot>(null)
  const [frame, setFrame] = useState<PlotFrame>()
  const width = useWidth(box)
  const isMeasured = width > 0
  const lines = series.lines.map(({ label }) => label).join('\n')

  useLayoutEffect(() => {
    if (box.current === null || !isMeasured) return
    const created = createPlot({
      box: box.current,
      series,
      unit: chart.unit,
      width,
      height,
      onCursor,
      onRange: chooseRange,
      onFrame: (next) => setFrame((old) => (isSame(old, next) ? old : next)),
    })
    plot.current = created
    const stops = [
      theme.subscribe(() => requestAnimationFrame(created.redraw)),
      onSystemTheme(created.redraw),
    ]
    return () => {
      for (const stop of stops) stop()
      plot.current = null
      created.destroy()
    }
  }, [lines, chart.unit, isMeasured])
  useLayoutEffect(() => plot.current?.show(series, range), [series, range.from, range.to, lines, isMeasured])
  useLayoutEffect(() => {
    if (isMeasured) plot.current?.resize(width, height)
  }, [width, height, isMeasured])
  return { box, plot, frame }
}

function isSame(one: PlotFrame | undefined, other: PlotFrame): boolean {
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other)
}

function onSystemTheme(listener: () => void): () => void {
  const isDark = matchMedia('(prefers-color-scheme: dark)')
  isDark.addEventListener('change', listener)
  return () => isDark.removeEventListener('change', listener)
}

type Move = { readonly index: number; readonly line: number | undefined }

function keyOf(
  key: string,
  index: number,
  line: number | undefined,
  series: Series,
): Move | 'table' | 'leave' | undefined {
  const last = series.at.length - 1
  const lines = series.lines.length
  const nextLine = (by: number) => ((line ?? (by > 0 ? -1 : lines)) + by + lines) % lines
  switch (key) {
    case 'ArrowLeft':
      return { index: index - 1, line }
    case 'ArrowRight':
      return { index: index + 1, line }
    case 'PageUp':
      return { index: index - 10, line }
    case 'PageDown':
      return { index: index + 10, line }
    case 'Home':
      return { index: 0, line }
    case 'End':
      return { index: last, line }
    case 'ArrowDown':
      return { index: Math.min(index, last), line: nextLine(1) }
    case 'ArrowUp':
      return { index: Math.min(index, last), line: nextLine(-1) }
    case 't':
      return 'table'
    case 'Escape':
      return 'leave'
  }
  return undefined
}

/** What the cursor stands on: the chosen line, or the largest three, and what happened then. */
function valuesInWords(
  chart: ChartSummary,
  series: Series,
  events: Marks,
  index: number,
  line: number | undefined,
): string {
  const at = series.at[index]
  if (at === undefined) return ''
  const all = series.lines.map(({ label, values }) => ({ label, value: values[index] ?? null }))
  const chosen = line === undefined ? undefined : all[line]
  const shown =
    chosen === undefined
      ? all.toSorted((one, other) => (other.value ?? -1) - (one.value ?? -1)).slice(0, 3)
      : [chosen]
  const values = shown.map(
    ({ label, value }) => `${label} ${value === null ? 'no value' : quantity(value, chart.unit)}`,
  )
  const before = series.at[index - 1] ?? at
  const then = events.filter((event) => event.at > before && event.at <= at).map(({ text }) => text)
  return [instant(at), ...values, ...then].join(', ')
}

/** Values at the cursor, or the last ones. */
function legend(
  chart: ChartSummary,
  series: Series,
  index: number | undefined,
  line: number | undefined,
  setLine: (line: number | undefined) => void,
): VNode {
  const at = index ?? series.at.length - 1
  const colors = lineColors(series.lines.map(({ label }) => label))
  return ul(
    { class: 'chart-legend' },
    series.lines.map(({ label, values }, number) =>
      li(
        {
          key: label,
          class: classes(colors[number], line !== undefined && line !== number && 'is-far'),
          onMouseEnter: () => setLine(number),
          onMouseLeave: () => setLine(undefined),
        },
        span({ class: 'chart-key', 'aria-hidden': 'true' }),
        span({ class: 'chart-label' }, label),
        span({ class: 'figure' }, quantity(values[at] ?? null, chart.unit)),
      ),
    ),
  )
}
