import { useRef, useState } from 'preact/hooks'
import type { TraceSummary } from '../../src/wire/index.ts'
import {
  button,
  classes,
  component,
  div,
  figure,
  figcaption,
  rect,
  span,
  svg,
  svgTitle,
} from '../elements.ts'
import { setQuery } from '../router.ts'
import { axisText, counted, durationText } from './time.ts'

const columns = 72
/** The lower ends of the rows, in milliseconds; the first begins at 0. */
const steps = [0, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000] as const
const rows = steps.length

type Cell = { readonly column: number; readonly row: number; count: number; failed: number; slow: number }
type Point = { readonly x: number; readonly y: number }
type HistogramProps = {
  readonly traces: readonly TraceSummary[]
  readonly from: number
  readonly to: number
  /** Loads older ones; none where all are here. */
  readonly loadMore?: () => void
}

/**
 * How long requests have taken over time: the darker, the more. Dragging over an area shows the traces in it; the fields for the duration
 * and the span of time do the same by keyboard.
 */
export const histogram = component(function Histogram({ traces, from, to, loadMore }: HistogramProps) {
  const area = useRef<HTMLDivElement>(null)
  const [start, setStart] = useState<Point | undefined>(undefined)
  const [end, setEnd] = useState<Point | undefined>(undefined)
  const cells = cellsOf(traces, from, to)
  const most = cells.reduce((max, { count }) => Math.max(max, count), 1)

  const pointOf = (event: PointerEvent): Point => {
    const box = area.current?.getBoundingClientRect()
    if (box === undefined) return { x: 0, y: 0 }
    const within = (value: number) => Math.min(1, Math.max(0, value))
    return {
      x: within((event.clientX - box.left) / box.width),
      y: within((event.clientY - box.top) / box.height),
    }
  }
  const finish = () => {
    if (start !== undefined && end !== undefined) choose(start, end, from, to)
    setStart(undefined)
    setEnd(undefined)
  }
  return figure(
    { class: 'histogram' },
    figcaption(
      {},
      span({}, `Duration over time of the ${counted(traces.length, 'loaded trace')}; drag to select`),
      loadMore !== undefined &&
        button({ type: 'button', class: 'plain histogram-more', onClick: loadMore }, 'Load older ones'),
    ),
    div(
      { class: 'histogram-scale', 'aria-hidden': 'true' },
      ...[3_000, 100, 3, 0].map((ms) => span({}, ms === 0 ? '0' : durationText(ms))),
    ),
    div(
      {
        class: 'histogram-area',
        ref: area,
        onPointerDown: (event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          setStart(pointOf(event))
        },
        onPointerMove: (event) => start !== undefined && setEnd(pointOf(event)),
        onPointerUp: finish,
        onPointerCancel: () => setStart(undefined),
      },
      svg(
        {
          viewBox: `0 0 ${columns} ${rows}`,
          preserveAspectRatio: 'none',
          role: 'img',
          'aria-label': spoken(traces),
        },
        ...cells.map((cell) =>
          rect(
            {
              key: cell.column * rows + cell.row,
              class: classes('cell', cell.failed > 0 ? 'error' : cell.slow > 0 ? 'slow' : 'sampled'),
              x: cell.column + 0.06,
              y: rows - 1 - cell.row + 0.05,
              width: 0.88,
              height: 0.9,
              'fill-opacity': 0.3 + 0.7 * (Math.log1p(cell.count) / Math.log1p(most)),
            },
            svgTitle({}, textOf(cell)),
          ),
        ),
      ),
      loadMore !== undefined &&
        div({ class: 'not-loaded', style: { width: `${share(oldestOf(traces), from, to) * 100}%` } }),
      start !== undefined && end !== undefined && div({ class: 'brush', style: brushStyle(start, end) }),
    ),
    div(
      { class: 'histogram-times', 'aria-hidden': 'true' },
      ...[0, 0.25, 0.5, 0.75, 1].map((part) => span({}, axisText(from + (to - from) * part, to - from))),
    ),
  )
})

const share = (at: number, from: number, to: number) => Math.min(1, Math.max(0, (at - from) / (to - from)))
const oldestOf = (traces: readonly TraceSummary[]) =>
  traces.reduce((least, { at }) => Math.min(least, at), Infinity)

function cellsOf(traces: readonly TraceSummary[], from: number, to: number): Cell[] {
  const cells = new Map<number, Cell>()
  for (const { at, durationMs, failed, why } of traces) {
    const column = Math.floor(((at - from) / (to - from)) * columns)
    if (column < 0 || column > columns) continue
    const row = steps.findLastIndex((step) => durationMs >= step)
    const place = Math.min(column, columns - 1)
    const key = place * rows + row
    const cell = cells.get(key) ?? { column: place, row, count: 0, failed: 0, slow: 0 }
    cell.count += 1
    cell.failed += failed ? 1 : 0
    cell.slow += why === 'slow' ? 1 : 0
    cells.set(key, cell)
  }
  return [...cells.values()]
}

function textOf({ row, count, failed }: Cell): string {
  const next = steps[row + 1]
  const range = next === undefined ? `from ${durationText(steps[row] ?? 0)}` : `below ${durationText(next)}`
  return `${counted(count, 'trace')} ${range}${failed > 0 ? `, ${failed} failed` : ''}`
}

function spoken(traces: readonly TraceSummary[]): string {
  const sorted = traces.map(({ durationMs }) => durationMs).toSorted((one, other) => one - other)
  const at = (part: number) => durationText(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  const failed = traces.filter((trace) => trace.failed).length
  return `Duration over time of ${counted(traces.length, 'trace')}: half within ${at(0.5)}, 95 % within ${at(0.95)}, the longest ${at(1)}; ${failed} failed.`
}

function brushStyle(one: Point, other: Point) {
  return {
    left: `${Math.min(one.x, other.x) * 100}%`,
    top: `${Math.min(one.y, other.y) * 100}%`,
    width: `${Math.abs(one.x - other.x) * 100}%`,
    height: `${Math.abs(one.y - other.y) * 100}%`,
  }
}

/** A drag below this share of the width or the height means the whole of it. */
const leastDrag = 0.02

/** Puts what was dragged over into the address: a span of time, and a range of durations unless it is the whole height. */
function choose(one: Point, other: Point, from: number, to: number): void {
  const [left, right] = [Math.min(one.x, other.x), Math.max(one.x, other.x)]
  const [top, bottom] = [Math.min(one.y, other.y), Math.max(one.y, other.y)]
  if (right - left < leastDrag && bottom - top < leastDrag) return
  const lowest = steps[Math.floor((1 - bottom) * rows)] ?? 0
  const above = steps[Math.ceil((1 - top) * rows)]
  setQuery({
    ...(right - left >= leastDrag && {
      from: Math.round(from + (to - from) * left),
      to: Math.round(from + (to - from) * right),
      span: undefined,
    }),
    ...(bottom - top < 0.8 && {
      min: lowest < 1 ? undefined : lowest,
      max: above === undefined ? undefined : Math.ceil(above),
    }),
  })
}
