import { svgFile, svgLine, svgText } from './svg.ts'

/** Lines over one horizontal axis in several panels, each with a vertical axis of its own that begins at 0. */
type Chart = {
  title: string
  subtitle: string
  panels: readonly Panel[]
  /** Where on the axis a value of x is; linear by default. */
  xOf?(x: number): number
  formatX(x: number): string
}

type Point = { readonly x: number; readonly y: number }
type Line = { name: string; points: readonly Point[] }
type Panel = { title: string; lines: readonly Line[] }
type Scale = (value: number) => number

const width = 900
const panelHeight = 190
const headHeight = 64
const margin = { left: 80, right: 150, top: 30, bottom: 30 }
const colours = ['#3d8f6e', '#8fb3d9', '#e07a5f', '#7a6a9b']
const labelsMax = 8
const nameHeight = 12

export function drawPanels(chart: Chart): string {
  const { title, subtitle, panels, xOf = (x) => x } = chart
  const xs = [
    ...new Set(panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ x }) => x)))),
  ]
  const places = xs.map(xOf)
  const scale = scaleOf(Math.min(...places), Math.max(...places), margin.left, width - margin.right)
  const height = headHeight + panels.length * panelHeight
  return svgFile(width, height, [
    svgText(16, 26, title, 'font-size="16" font-weight="600"'),
    svgText(16, 46, subtitle, 'fill="#52606d"'),
    ...panels.flatMap((panel, index) => drawPanel(panel, headHeight + index * panelHeight)),
  ])

  function drawPanel({ title: name, lines }: Panel, top: number): string[] {
    const yMax = Math.max(1e-9, ...lines.flatMap(({ points }) => points.map(({ y }) => y)))
    const bottom = top + panelHeight - margin.bottom
    const yScale = scaleOf(0, yMax, bottom, top + margin.top)
    return [
      svgText(margin.left, top + 16, name, 'font-weight="600"'),
      ...[0, yMax / 2, yMax].flatMap((y) => drawGridLine(y, yScale(y))),
      ...labelled(xs).map((x) =>
        svgText(scale(xOf(x)), bottom + 16, chart.formatX(x), 'text-anchor="middle" fill="#52606d"'),
      ),
      ...lines.flatMap((line, index) => drawLine(line, index, yScale)),
      ...drawNames(lines, yScale),
    ]
  }

  function drawLine({ points }: Line, index: number, yScale: Scale): string[] {
    if (points.length === 0) return []
    const path = points.map(({ x, y }) => `${scale(xOf(x)).toFixed(1)},${yScale(y).toFixed(1)}`).join(' ')
    return [`<polyline points="${path}" fill="none" stroke="${colourOf(index)}" stroke-width="2"/>`]
  }
}

/** The name of each line where it ends, from the highest down, so that none covers another. */
function drawNames(lines: readonly Line[], yScale: Scale): string[] {
  const ends = lines.flatMap(({ name, points }, index) => {
    const last = points.at(-1)
    return last === undefined ? [] : [{ name, index, at: yScale(last.y) + 4 }]
  })
  let free = 0
  return ends
    .sort((a, b) => a.at - b.at)
    .map(({ name, index, at }) => {
      const y = Math.max(at, free)
      free = y + nameHeight
      return svgText(width - margin.right + 8, y, name, `fill="${colourOf(index)}"`)
    })
}

function colourOf(index: number): string {
  return colours[index % colours.length] ?? ''
}

function drawGridLine(y: number, at: number): string[] {
  return [
    svgLine(margin.left, at, width - margin.right, at, 'stroke="#9aa5b1" stroke-opacity="0.4"'),
    svgText(
      margin.left - 8,
      at + 4,
      y.toLocaleString('en', { maximumSignificantDigits: 3 }),
      'text-anchor="end" fill="#52606d"',
    ),
  ]
}

/** At most `labelsMax` of the values, evenly chosen. */
function labelled(xs: readonly number[]): number[] {
  const step = Math.ceil(xs.length / labelsMax)
  return xs.filter((_, index) => index % step === 0)
}

function scaleOf(from: number, to: number, start: number, end: number): Scale {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start)
}
