import type { Sample } from './samples.ts'
import type { MadeFault } from './schedule.ts'

/** What a fault, or several that overlapped, was for the clients at worst, in milliseconds. */
type FaultEffect = {
  readonly name: string
  readonly count: number
  /** Of all together. */
  readonly lastedMs: number
  /** The longest time without a success of any client; undefined for a kind that the load does not have. */
  readonly pauseMs: Readonly<Record<Sample['kind'], number | undefined>>
  /** From the end of the fault, or until the next one, to a success of each kind at each address. */
  readonly recoveryMs: number
}

type Span = { readonly name: string; beganMs: number; endedMs: number; untilMs: number }

/** In the order of their names. Samples are in the order of their ends. */
export function effectsOf(made: readonly MadeFault[], samples: readonly Sample[]): FaultEffect[] {
  const successes = samples.filter(({ outcome }) => outcome === 'ok')
  const ends = (some: readonly Sample[]) => some.map(({ endedMs }) => endedMs)
  const byKind = Map.groupBy(successes, ({ kind }) => kind)
  const byPlace = Map.groupBy(successes, ({ kind, address }) => `${kind} ${address}`)
  const places = [...byPlace.values()].map(ends)
  const effects = [...Map.groupBy(spansOf(made), ({ name }) => name)].map(([name, spans]): FaultEffect => {
    const worst = (of: (span: Span) => number) => Math.max(...spans.map(of))
    const pauseOf = (kind: Sample['kind']) => {
      const times = ends(byKind.get(kind) ?? [])
      return times.length === 0 ? undefined : worst((span) => longestGap(times, span))
    }
    return {
      name,
      count: spans.length,
      lastedMs: spans.reduce((sum, { beganMs, endedMs }) => sum + endedMs - beganMs, 0),
      pauseMs: { read: pauseOf('read'), write: pauseOf('write') },
      recoveryMs: worst((span) => recoveryOf(places, span)),
    }
  })
  return effects.toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
}

function spansOf(made: readonly MadeFault[]): Span[] {
  const spans = [...Map.groupBy(made, ({ step }) => step).values()].map((faults) => ({
    name: faults.map(({ name }) => name).join(' and '),
    beganMs: Math.min(...faults.map(({ beganMs }) => beganMs)),
    endedMs: Math.max(...faults.map(({ endedMs }) => endedMs)),
  }))
  return spans.map((span, i) => ({ ...span, untilMs: spans[i + 1]?.beganMs ?? Number.POSITIVE_INFINITY }))
}

/** Of the gaps that reach into the span, as far as they come after its beginning. */
function longestGap(times: readonly number[], { beganMs, endedMs }: Span): number {
  let longest = 0
  let before = beganMs
  for (let i = firstAfter(times, beganMs); i < times.length && before <= endedMs; i++) {
    const time = times[i] ?? before
    longest = Math.max(longest, time - before)
    before = time
  }
  return longest
}

function recoveryOf(places: readonly (readonly number[])[], { endedMs, untilMs }: Span): number {
  const firsts = places.map((times) => times[firstAfter(times, endedMs)] ?? endedMs)
  return Math.max(0, Math.min(untilMs, Math.max(endedMs, ...firsts)) - endedMs)
}

/** The index of the first time after this one. */
function firstAfter(times: readonly number[], timeMs: number): number {
  let from = 0
  let to = times.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((times[middle] ?? 0) <= timeMs) from = middle + 1
    else to = middle
  }
  return from
}
