import type { ChartSummary } from '../../src/wire/index.ts'
import { bytesText, countText, digits, durationText, shareText, shortCount } from './time.ts'

/** What stands for a figure that there is not. */
export const absent = '–'

function orAbsent(text: (value: number) => string): (value: number | null) => string {
  return (value) => (value === null ? absent : text(value))
}

export const count = orAbsent(countText)
export const share = orAbsent(shareText)
export const bytes = orAbsent(bytesText)
export const duration = orAbsent(durationText)
export const perSecond = orAbsent(
  (value) => `${value < 1_000 ? digits(value) : shortCount(Math.round(value))}/s`,
)

/** A value of a chart, with its unit. */
export function quantity(value: number | null, unit: ChartSummary['unit']): string {
  switch (unit) {
    case 'per second':
      return perSecond(value)
    case 'seconds':
      return duration(value === null ? null : value * 1_000)
    case 'share':
      return share(value)
    case 'bytes':
      return bytes(value)
    case 'count':
      return value === null ? absent : value < 1_000 ? digits(value) : shortCount(Math.round(value))
  }
}
