import type { KeptMetric } from './kept-metrics.ts'
import { scrapedSeconds } from './kept-metrics.ts'
import { boundOf, boundText, parseSeries, readSamples, seriesText } from './metrics-text.ts'

/** What a scrape has, by name: values as they are, and the increases of counters since the scrape before. */
export type Samples = Map<string, number>

type Options = {
  readonly kept: ReadonlyMap<string, KeptMetric>
  /** Of the values of a label; any further one becomes `other`. */
  readonly valuesMax?: number
  readonly seriesMax?: number
}

const seriesLengthMax = 4_096

/** A series of the text, with what its samples add to. */
type Tracked = {
  readonly name: string
  readonly kind: KeptMetric['kind']
  /** Of a bucket its upper bound. */
  readonly bound: number | undefined
  last: number | undefined
}

/**
 * Turns the texts of one service into samples. A counter that is smaller than before has been reset, and what it has is its increase; so is
 * what a new series has, since it is younger than the last scrape.
 */
export function createTracker({ kept, valuesMax = 100, seriesMax = 50_000 }: Options) {
  const tracked = new Map<string, Tracked | undefined>()
  const counters = new Set<string>()
  const bound = createValueBound(valuesMax)

  function trackedOf(series: string): Tracked | undefined {
    const known = tracked.get(series)
    if (known !== undefined || tracked.has(series)) return known
    if (tracked.size >= seriesMax || series.length > seriesLengthMax) return undefined
    const made = describe(series)
    // A copy: a part of a text keeps the whole of it in memory.
    tracked.set(Buffer.from(series).toString(), made)
    return made
  }

  function describe(series: string): Tracked | undefined {
    const { name, labels } = parseSeries(series)
    const metric = kept.get(name)
    if (metric === undefined) return undefined
    const own = [...metric.labels].map(
      (label) => [label, bound(`${name} ${label}`, labels.get(label) ?? '')] as const,
    )
    const le = labels.get('le')
    const text = seriesText(name, own)
    if (metric.kind === 'counter' && le === undefined) counters.add(text)
    return {
      name: text,
      kind: metric.kind,
      bound: le === undefined ? undefined : boundOf(le),
      last: undefined,
    }
  }

  return {
    /**
     * The samples of a text; undefined where it has none that are needed. `seconds` have passed since the one before; undefined where
     * that says nothing about what has happened since.
     */
    read(text: string, seconds: number | undefined): Samples | undefined {
      const row = createRow()
      readSamples(
        text,
        (name) => kept.has(name),
        (series, value) => {
          const found = trackedOf(series)
          if (found === undefined || !Number.isFinite(value)) return
          if (found.kind === 'counter') row.count(found, increaseOf(found, value, seconds !== undefined))
          else row.set(found, value)
        },
      )
      return row.hasSamples() ? row.samples(seconds ?? 0) : undefined
    },
    /** The names of the counters, of which samples lack those that have not grown. */
    counters: (): Iterable<string> => counters,
    /** Whether there are more series than are kept. */
    isFull: () => tracked.size >= seriesMax,
  }
}

function increaseOf(tracked: Tracked, value: number, isSinceLast: boolean): number {
  const { last = 0 } = tracked
  tracked.last = value
  if (!isSinceLast) return 0
  return value >= last ? value - last : Math.max(0, value)
}

/** What one text has. */
function createRow() {
  const samples: Samples = new Map()
  const buckets = new Map<string, Map<number, number>>()
  let hasSamples = false

  function count({ name, bound }: Tracked, increase: number): void {
    hasSamples = true
    if (bound === undefined) add(samples, name, increase)
    else {
      const found = buckets.get(name) ?? new Map<number, number>()
      buckets.set(name, found)
      found.set(bound, (found.get(bound) ?? 0) + increase)
    }
  }

  return {
    count,
    set({ name, kind }: Tracked, value: number): void {
      hasSamples = true
      const before = samples.get(name)
      if (before === undefined) samples.set(name, value)
      else samples.set(name, kind === 'max' ? Math.max(before, value) : before + value)
    },
    hasSamples: () => hasSamples,
    samples(seconds: number): Samples {
      for (const [name, cumulative] of buckets)
        for (const [bucket, increase] of separateBuckets(name, cumulative)) add(samples, bucket, increase)
      samples.set(scrapedSeconds, seconds)
      return samples
    },
  }
}

function add(samples: Samples, name: string, increase: number): void {
  if (increase > 0) samples.set(name, (samples.get(name) ?? 0) + increase)
}

/** The buckets of Prometheus count all up to their bound; these, only what is above `gt` and up to `le`, so that most are empty. */
function separateBuckets(name: string, cumulative: ReadonlyMap<number, number>): [string, number][] {
  const { name: metric, labels } = parseSeries(name)
  const sorted = [...cumulative].sort(([a], [b]) => a - b)
  return sorted.map(([le, count], i) => {
    const [gt, before] = sorted[i - 1] ?? [0, 0]
    const bucket = seriesText(metric, [...labels, ['gt', boundText(gt)], ['le', boundText(le)]])
    return [bucket, count - before]
  })
}

/** What labels a client could make without end, such as routes, has a bound. */
function createValueBound(valuesMax: number): (of: string, value: string) => string {
  const values = new Map<string, Set<string>>()
  return (of, value) => {
    const known = values.get(of) ?? new Set<string>()
    values.set(of, known)
    if (known.has(value)) return value
    if (known.size >= valuesMax) return 'other'
    known.add(value)
    return value
  }
}
