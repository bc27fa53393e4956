import uPlot from 'uplot'
import type { ChartSummary, Series } from '../../src/wire/index.ts'
import { lineColors } from './line-colors.ts'
import { quantity } from './quantity.ts'
import { axisText } from './time.ts'

/** Lines beyond the eighth have the colours of the first ones, dashed. */
const solidLines = 8
const dashes: readonly number[][] = [[], [6, 3], [2, 3]]

/** Where the plot is in its box, in CSS pixels, and what its edges stand for. */
export type PlotFrame = {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly min: number
  readonly max: number
  readonly low: number
  readonly high: number
}

export type Plot = {
  readonly show: (series: Series, range: { readonly from: number; readonly to: number }) => void
  readonly resize: (width: number, height: number) => void
  readonly setCursor: (index: number | undefined) => void
  /** Draws one line stronger than the others; undefined for all alike. */
  readonly emphasize: (line: number | undefined) => void
  readonly redraw: () => void
  readonly destroy: () => void
}

type Options = {
  readonly box: HTMLElement
  readonly series: Series
  readonly unit: ChartSummary['unit']
  readonly width: number
  readonly height: number
  readonly onCursor: (index: number | undefined) => void
  readonly onRange: (from: number, to: number) => void
  readonly onFrame: (frame: PlotFrame) => void
}

/** uPlot, with the colours of the page and only those of its parts that the page has no better ones for. */
export function createPlot(options: Options): Plot {
  let range = { from: 0, to: 0 }
  let isMoving = false
  let exemplars: readonly number[] = []
  const plot = new uPlot(
    {
      width: options.width,
      height: options.height,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false } },
      focus: { alpha: 0.25 },
      scales: {
        x: { time: true, range: () => [range.from / 1_000, range.to / 1_000] },
        y: { range: (_, low, high) => yRange(low, Math.max(high ?? 0, ...exemplars)) },
      },
      axes: [
        {
          ...axis(options.box),
          values: (_, ticks) => ticks.map((tick) => axisText(tick * 1_000, range.to - range.from)),
        },
        {
          ...axis(options.box),
          size: 64,
          values: (_, ticks) => ticks.map((tick) => quantity(tick, options.unit)),
        },
      ],
      series: [
        {},
        ...lineColors(options.series.lines.map(({ label }) => label)).map((color, index, { length }) =>
          lineOptions(options.box, { name: `--${color}`, index, isAlone: length === 1 }),
        ),
      ],
      hooks: {
        setCursor: [
          ({ cursor }) => {
            if (!isMoving) options.onCursor(cursor.idx ?? undefined)
          },
        ],
        setSelect: [
          (self) => {
            if (self.select.width < 8) return
            const [from, to] = [self.select.left, self.select.left + self.select.width].map((x) =>
              self.posToVal(x, 'x'),
            )
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
            if (from !== undefined && to !== undefined) options.onRange(from * 1_000, to * 1_000)
          },
        ],
        draw: [(self) => options.onFrame(frameOf(self))],
      },
    },
    undefined,
    options.box,
  )
  return {
    show(series, next) {
      range = next
      exemplars = series.exemplars.map(({ value }) => value)
      plot.setData([series.at.map((time) => time / 1_000), ...series.lines.map(({ values }) => [...values])])
    },
    resize: (width, height) => plot.setSize({ width, height }),
    setCursor(index) {
      const at = index === undefined ? undefined : plot.data[0]?.[index]
      isMoving = true
      plot.setCursor({
        left: at === undefined ? -10 : plot.valToPos(at, 'x'),
        top: at === undefined ? -10 : 1,
      })
      isMoving = false
    },
    emphasize: (line) => plot.setSeries(line === undefined ? null : line + 1, { focus: true }),
    redraw: () => plot.redraw(false),
    destroy: () => plot.destroy(),
  }
}

/** From nothing up: a part of a scale would make a small change look large. */
function yRange(low: number | null, high: number): [number, number] {
  const top = high <= 0 ? 1 : high * 1.12
  return [Math.min(low ?? 0, 0), top]
}

function axis(box: HTMLElement): uPlot.Axis {
  return {
    stroke: () => colour(box, '--quiet'),
    font: `11px ${getComputedStyle(box).fontFamily}`,
    grid: { stroke: () => colour(box, '--line'), width: 1 },
    ticks: { show: false },
    gap: 6,
    size: 26,
  }
}

type Line = { readonly name: string; readonly index: number; readonly isAlone: boolean }

function lineOptions(box: HTMLElement, { name, index, isAlone }: Line): uPlot.Series {
  return {
    stroke: () => colour(box, name),
    width: 1.6,
    dash: dashes[Math.floor(index / solidLines) % dashes.length] ?? [],
    points: { show: false },
    spanGaps: false,
    ...(isAlone && { fill: () => `color-mix(in srgb, ${colour(box, name)} 14%, transparent)` }),
  }
}

/** The value of a colour of the page: only where it is used does the browser choose between those of light and dark. */
function colour(box: HTMLElement, name: string): string {
  box.style.color = `var(${name})`
  const { color } = getComputedStyle(box)
  box.style.color = ''
  return color
}

function frameOf(plot: uPlot): PlotFrame {
  const { x, y } = plot.scales
  const ratio = plot.width / plot.ctx.canvas.width
  return {
    left: plot.bbox.left * ratio,
    top: plot.bbox.top * ratio,
    width: plot.bbox.width * ratio,
    height: plot.bbox.height * ratio,
    min: (x?.min ?? 0) * 1_000,
    max: (x?.max ?? 1) * 1_000,
    low: y?.min ?? 0,
    high: y?.max ?? 1,
  }
}
