import type { TargetResult } from './targets.ts'
import type { Report } from './report.ts'
import type { Result } from './result.ts'
import { svgFile, svgLine, svgRect, svgText } from './svg.ts'

const labelWidth = 260
const barWidth = 460
const valueWidth = 180
const rowHeight = 34
const barHeight = 20
const headHeight = 64
const footHeight = 40
const width = labelWidth + barWidth + valueWidth

/** Horizontal bars of the ratios to bare node:http; a solid line across a bar is its target, a dashed line its goal. */
export function drawChart({ machine, rows, targets }: Report): string {
  const height = headHeight + rows.length * rowHeight + footHeight
  const scale = barWidth / Math.max(1, ...rows.map(({ ratio }) => ratio))
  const parts = [
    svgText(16, 26, 'Requests per second, as a ratio to bare node:http', 'font-size="16" font-weight="600"'),
    svgText(
      16,
      46,
      `${machine.cpu}, ${machine.node}, ${machine.generator}, ${machine.date.slice(0, 10)}`,
      'fill="#52606d"',
    ),
    ...rows.flatMap((row, index) => drawRow(row, headHeight + index * rowHeight, scale, targets)),
    ...drawAxis(headHeight, height - footHeight, scale),
    svgText(
      16,
      height - 12,
      'Solid mark: target. Dashed mark: goal. Green: target met. Red: missed or failed. Blue: no target.',
      'fill="#52606d" font-size="12"',
    ),
  ]
  return svgFile(width, height, parts, 13)
}

function drawRow(row: Result, top: number, scale: number, targets: TargetResult[]): string[] {
  const { name, ratio, rps, errors } = row
  const target = targets.find(({ row }) => row === name)
  const baseline = top + barHeight / 2 + 5
  const value = errors === 0 ? `${ratio.toFixed(2)} · ${rps.toLocaleString('en')}/s` : 'failed'
  return [
    svgText(labelWidth - 12, baseline, name, 'text-anchor="end"'),
    svgRect(labelWidth, top, ratio * scale, barHeight, `rx="2" fill="${colourOf(row, target)}"`),
    ...(target ? drawMarks(target, top, scale) : []),
    svgText(labelWidth + barWidth + 14, baseline, value),
  ]
}

function drawMarks({ accepted, goal }: TargetResult, top: number, scale: number): string[] {
  const mark = (at: number, style: string) =>
    verticalLine(
      labelWidth + at * scale,
      top - 4,
      top + barHeight + 4,
      `stroke="#1f2933" stroke-width="2" ${style}`,
    )
  return [mark(accepted, ''), ...(goal === undefined ? [] : [mark(goal, 'stroke-dasharray="4 3"')])]
}

function drawAxis(top: number, bottom: number, scale: number): string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((at) => {
    const x = labelWidth + at * scale
    return [
      verticalLine(x, top - 8, bottom, 'stroke="#9aa5b1" stroke-width="1" stroke-opacity="0.4"'),
      svgText(x, bottom + 12, `${at}`, 'text-anchor="middle" fill="#52606d" font-size="11"'),
    ]
  })
}

function colourOf({ errors }: Result, target: TargetResult | undefined): string {
  if (errors > 0 || target?.verdict === 'missed') return '#e07a5f'
  return target ? '#3d8f6e' : '#8fb3d9'
}

function verticalLine(x: number, from: number, to: number, style: string): string {
  return svgLine(x, from, x, to, style)
}
