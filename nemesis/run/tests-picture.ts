import { svgFile, svgRect, svgText } from '../../bench/svg.ts'
import type { TestRun } from './run-tests.ts'

/** A picture of tests: of each that counted what it tried a bar for each count, and how many others passed. */

const width = 1_180
const left = 24
const barsLeft = 600
const barsWidth = 480
const rowHeight = 20
const colours = { passed: '#5b8fc7', failed: '#c74b50' } as const
/** From this ratio on between the largest and the smallest count the scale is logarithmic. */
const linearRatioMax = 100

export function drawTests(promise: string, tests: readonly TestRun[]): string {
  const shown = tests.filter(({ counts, isPassed }) => counts.length > 0 || !isPassed)
  const others = tests.length - shown.length
  const parts = [svgText(left, 26, `${promise}: ${tests.length} tests`, 'font-size="16"')]
  let y = 46
  for (const test of shown) {
    parts.push(...drawTest(test, y))
    y += rowHeight * (1 + test.counts.length) + 8
  }
  if (others > 0)
    parts.push(svgText(left, y + 14, `${others} other ${others === 1 ? 'test' : 'tests'} passed`))
  return svgFile(width, y + rowHeight + 12, parts)
}

function drawTest({ title, isPassed, counts }: TestRun, top: number): string[] {
  const colour = isPassed ? colours.passed : colours.failed
  const { lengthOf, isLinear } = scaleOf(counts.map(({ count }) => count))
  const scale = isLinear ? '' : ' (logarithmic scale)'
  const bars = counts.flatMap(({ count, what }, i) => {
    const y = top + (i + 1) * rowHeight
    return [
      svgText(barsLeft - 8, y + 14, what, 'fill="#555" text-anchor="end"'),
      svgRect(barsLeft, y + 4, lengthOf(count), rowHeight - 6, `fill="${colour}"`),
      svgText(barsLeft + lengthOf(count) + 6, y + 14, count.toLocaleString('en')),
    ]
  })
  return [
    svgRect(left - 10, top + 3, 5, rowHeight - 6, `fill="${colour}"`),
    svgText(left, top + 14, `${isPassed ? '' : 'FAILED: '}${title}${scale}`),
    ...bars,
  ]
}

function scaleOf(counts: readonly number[]) {
  const most = Math.max(1, ...counts)
  const isLinear = counts.every((count) => count === 0 || most / count <= linearRatioMax)
  const share = (count: number) => (isLinear ? count / most : Math.log1p(count) / Math.log1p(most))
  return { isLinear, lengthOf: (count: number) => share(count) * barsWidth }
}
