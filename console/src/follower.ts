import type { Clock } from '@quintet/chassis/clock'
import type { Recent } from '@quintet/chassis/telemetry/file'
import type { Reader } from './reader.ts'
import type { LiveLogs, LiveTraces } from './wire/index.ts'

/** What was added to the file of telemetry since the look before. */
export type Follower = {
  /** Undefined where nothing was. */
  next(): Promise<{ readonly traces: LiveTraces; readonly logs: LiveLogs } | undefined>
}

const rowsOfBatchMax = { traces: 100, logs: 200 }
/** Of the lines of a batch. */
const lengthOfBatchMax = 65_536
/** Lines of several processes are written one after another, some later than others that have happened later. */
const lateMs = 3_000

/** Follows the file, from what is in it at the first look. A trace is there again when it has got more spans. */
export function createFollower(reader: Reader, clock: Clock): Follower {
  let mark = ''
  let lastSeq: number | undefined
  let spansOf: ReadonlyMap<number, number> = new Map()
  let seenLines: ReadonlySet<number> = new Set()
  let lastCount: number | undefined
  const beganAt = clock.now()

  function newTraces({ traces }: Recent): LiveTraces {
    const isFirst = lastSeq === undefined
    const last = lastSeq ?? traces[0]?.seq ?? 0
    const changed = isFirst ? [] : traces.filter(({ seq, spans }) => spansOf.get(seq) !== spans)
    const added = isFirst ? 0 : (traces[0]?.seq ?? last) - last
    const data = changed.filter(({ seq }) => seq > last || spansOf.has(seq)).slice(0, rowsOfBatchMax.traces)
    spansOf = new Map(traces.map(({ seq, spans }) => [seq, spans]))
    lastSeq = Math.max(last, traces[0]?.seq ?? 0)
    const isNew = data.filter(({ seq }) => seq > last).length
    return { data: data.map(({ seq: _, ...summary }) => summary), leftOut: Math.max(0, added - isNew) }
  }

  function newLines({ lines, linesCount }: Recent): LiveLogs {
    const added = lines.filter(({ id }) => !seenLines.has(id))
    let length = 0
    const data = added.slice(0, rowsOfBatchMax.logs).filter(({ line }) => {
      length += line.length
      return length <= lengthOfBatchMax
    })
    const leftOut = lastCount === undefined ? 0 : linesCount - lastCount - data.length
    seenLines = new Set(lines.map(({ id }) => id))
    lastCount = linesCount
    return { data: data.reverse(), leftOut: Math.max(0, leftOut) }
  }

  return {
    async next() {
      const since = Math.max(beganAt, clock.now() - lateMs)
      const recent = await reader.call('readRecent', { mark, since })
      if (recent === undefined) return undefined
      mark = recent.mark
      return { traces: newTraces(recent), logs: newLines(recent) }
    },
  }
}
