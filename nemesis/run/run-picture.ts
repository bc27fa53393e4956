import { countOf } from '../violations.ts'
import { countViolations } from './report.ts'
import type { Run } from './run-scenario.ts'
import type { Sample } from './samples.ts'
import { medianOf } from '../../bench/median.ts'
import { svgFile, svgRect, svgRects, svgText, svgTitle } from '../../bench/svg.ts'

/** A picture of a run: operations per second by their outcome, latencies, and the faults as bands over both. */

const left = 64
const plotWidth = 1_100
const plotHeight = 180
const ratesTop = 56
const latenciesTop = ratesTop + plotHeight + 36
const faultsTop = latenciesTop + plotHeight + 40
const rowHeight = 18
const bucketMsMin = 250
const bucketsMax = 240

const colours = { ok: '#5b8fc7', fail: '#e2a03f', info: '#c74b50' } as const
const outcomes = ['ok', 'fail', 'info'] as const
const outcomeNames = { ok: 'known', fail: 'refused', info: 'unknown' } as const
const latencyMsMin = 0.5
const latencyMsMax = 10_000

export function drawRun(run: Run, seed?: string): string {
  const { scenario, faults, samples } = run
  const named = seed === undefined ? scenario : `${scenario}, seed ${seed}`
  const title = `${named}: ${samples.length.toLocaleString('en')} operations, ${countOf(countViolations(run))}`
  const endMs = Math.max(1, ...samples.slice(-1).map(({ endedMs }) => endedMs))
  const x = (ms: number) => left + (ms / endMs) * plotWidth
  const names = [...new Set(faults.map(({ name }) => name))].toSorted()
  const bucketMs = Math.ceil(endMs / bucketsMax / bucketMsMin) * bucketMsMin
  const buckets = bucketsOf(samples, endMs, bucketMs)
  const bottom = faultsTop + names.length * rowHeight
  const bands = faults.flatMap(({ name, beganMs, endedMs }) => {
    const y = faultsTop + names.indexOf(name) * rowHeight
    const width = Math.max(1, x(endedMs) - x(beganMs))
    return [
      svgRect(x(beganMs), ratesTop, width, latenciesTop + plotHeight - ratesTop, 'fill="#f3e3e3"'),
      svgRect(x(beganMs), y + 4, width, rowHeight - 6, 'fill="#b05c5c"'),
    ]
  })
  return svgFile(left + plotWidth + 24, bottom + 40, [
    svgTitle(title),
    svgText(16, 24, title, 'font-size="16"'),
    ...bands,
    ...drawRates(buckets, x, bucketMs),
    ...drawLatencies(buckets, x, bucketMs),
    ...names.map((name, i) => svgText(left + 4, faultsTop + i * rowHeight + 14, name, 'fill="#555"')),
    ...secondsOf(endMs).map((second) =>
      svgText(x(second * 1_000), bottom + 18, `${second} s`, 'text-anchor="middle"'),
    ),
  ])
}

type Bucket = { readonly fromMs: number; readonly samples: readonly Sample[] }

function bucketsOf(samples: readonly Sample[], endMs: number, bucketMs: number): Bucket[] {
  const byBucket = Map.groupBy(samples, ({ endedMs }) => Math.floor(endedMs / bucketMs))
  const count = Math.ceil(endMs / bucketMs)
  return Array.from({ length: count }, (_, i) => ({ fromMs: i * bucketMs, samples: byBucket.get(i) ?? [] }))
}

type Scale = (ms: number) => number

/** Columns of the outcomes, one on the other. */
function drawRates(buckets: readonly Bucket[], x: Scale, bucketMs: number): string[] {
  const most = Math.max(1, ...buckets.map(({ samples }) => samples.length))
  const base = ratesTop + plotHeight
  const heightOf = (samples: readonly Sample[], of: readonly Sample['outcome'][]) =>
    (samples.filter(({ outcome }) => of.includes(outcome)).length / most) * plotHeight
  const columns = outcomes.map((outcome, i) => {
    const below = outcomes.slice(0, i)
    const rects = buckets.flatMap(({ fromMs, samples }) => {
      const height = heightOf(samples, [outcome])
      const top = base - heightOf(samples, below) - height
      return height === 0 ? [] : [[x(fromMs), top, x(bucketMs) - x(0), height] as const]
    })
    return svgRects(rects, `fill="${colours[outcome]}"`)
  })
  return [
    ...columns,
    svgText(left - 6, ratesTop + 10, `${Math.round((most * 1_000) / bucketMs)}`, 'text-anchor="end"'),
    svgText(left - 6, base, '0', 'text-anchor="end"'),
    svgText(16, ratesTop - 8, 'operations per second:'),
    ...outcomes.map((outcome, i) =>
      svgText(160 + i * 80, ratesTop - 8, outcomeNames[outcome], `fill="${colours[outcome]}"`),
    ),
  ]
}

/** The median and the longest latency of what had an outcome, on a logarithmic scale. */
function drawLatencies(buckets: readonly Bucket[], x: Scale, bucketMs: number): string[] {
  const y = (ms: number) => {
    const bounded = Math.min(latencyMsMax, Math.max(latencyMsMin, ms))
    const share = Math.log(bounded / latencyMsMin) / Math.log(latencyMsMax / latencyMsMin)
    return latenciesTop + plotHeight * (1 - share)
  }
  const marks = (of: (latencies: readonly number[]) => number | undefined, colour: string) => {
    const rects = buckets.flatMap(({ fromMs, samples }) => {
      const known = samples.filter(({ outcome }) => outcome === 'ok')
      const ms = of(known.map(({ sentMs, endedMs }) => endedMs - sentMs))
      return ms === undefined ? [] : [[x(fromMs), y(ms) - 1, x(bucketMs) - x(0), 2] as const]
    })
    return svgRects(rects, `fill="${colour}"`)
  }
  const longest = (latencies: readonly number[]) => latencies.toSorted((one, other) => one - other).at(-1)
  const axis = [1, 10, 100, 1_000, 10_000].flatMap((ms) => [
    svgRect(left, y(ms), plotWidth, 0.5, 'fill="#ddd"'),
    svgText(left - 6, y(ms) + 4, ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`, 'text-anchor="end"'),
  ])
  return [
    ...axis,
    marks(medianOf, '#333'),
    marks(longest, '#9a6fb0'),
    svgText(16, latenciesTop - 8, 'latency:'),
    svgText(160, latenciesTop - 8, 'median', 'fill="#333"'),
    svgText(240, latenciesTop - 8, 'longest', 'fill="#9a6fb0"'),
  ]
}

function secondsOf(endMs: number): number[] {
  const step = [1, 5, 10, 30, 60, 300, 600, 3_600].find((one) => endMs / 1_000 / one <= 24) ?? 3_600
  return Array.from({ length: Math.floor(endMs / 1_000 / step) + 1 }, (_, i) => i * step)
}
