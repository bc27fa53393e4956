import { readFileSync } from 'node:fs'

/**
 * A history: what clients of a system did, in real-time order. One JSON object per line, first a header, then an event for
 * each invocation and each completion, as in Jepsen:
 *
 *     {"history":"register"}
 *     {"time":1200,"op":7,"type":"invoke","process":"client 3","key":"guid/A","call":{"f":"read"}}
 *     {"time":5100,"op":7,"type":"ok","result":{"kind":"absent"}}
 *
 * `time` is in nanoseconds of the monotonic clock of one host, since the history began. A completion is `ok` (the result is
 * certain, refusals included), `fail` (certainly without effect, and nothing was observed) or `info` (unknown). An invocation
 * without a completion is unknown too.
 */
type HistoryEvent = Invocation | Completion

export type Outcome = 'ok' | 'fail' | 'info'

/** Completes an operation. */
export type Complete = (outcome: Outcome, result?: unknown) => void

type Invocation = {
  readonly time: number
  readonly op: number
  readonly type: 'invoke'
  /** Who called: the lane in a picture. */
  readonly process: string
  readonly key: string
  readonly call: unknown
}

type Completion = {
  readonly time: number
  readonly op: number
  readonly type: Outcome
  readonly result?: unknown
}

/** An invocation with its completion. */
export type Operation<Call = unknown, Result = unknown> = {
  readonly id: number
  readonly process: string
  readonly key: string
  readonly invokedAt: number
  /** `Infinity` where the outcome is unknown: it may take effect at any time after its invocation, or never. */
  readonly completedAt: number
  readonly outcome: Outcome
  readonly call: Call
  /** Of `ok` only. */
  readonly result: Result | undefined
}

export type History = { readonly kind: string; readonly events: readonly HistoryEvent[] }

export function writeHistory({ kind, events }: History): string {
  return [{ history: kind }, ...events].map((line) => `${JSON.stringify(line)}\n`).join('')
}

export function readHistory(file: string): History {
  return parseHistory(readFileSync(file, 'utf8'))
}

/** Throws with the number of the line that is no event of a history. A last line without an end, as after a crash, is left out. */
export function parseHistory(text: string): History {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  const [header, ...events] = complete
    .split('\n')
    .slice(0, -1)
    .map((line, i) => parseLine(line, i + 1))
  const kind = header?.history
  if (typeof kind !== 'string') throw new Error('line 1: "history" must name the kind of history')
  return { kind, events: events.map((event, i) => eventOf(event, i + 2)) }
}

function parseLine(line: string, number: number): Record<string, unknown> {
  try {
    return Object(JSON.parse(line))
  } catch {
    throw new Error(`line ${number}: is not JSON`)
  }
}

function eventOf(
  { time, op, type, process, key, call, result }: Record<string, unknown>,
  line: number,
): HistoryEvent {
  if (typeof time !== 'number') throw new Error(`line ${line}: "time" must be a number of nanoseconds`)
  if (typeof op !== 'number') throw new Error(`line ${line}: "op" must be the number of the operation`)
  if (type === 'ok' || type === 'fail' || type === 'info') return { time, op, type, result }
  if (type !== 'invoke') throw new Error(`line ${line}: "type" must be invoke, ok, fail or info`)
  if (typeof process !== 'string') throw new Error(`line ${line}: "process" must be a string`)
  if (typeof key !== 'string') throw new Error(`line ${line}: "key" must be a string`)
  return { time, op, type, process, key, call }
}

/** Joins invocations and completions, in the order of the invocations. */
export function operationsOf(events: readonly HistoryEvent[]): Operation[] {
  const open = new Map<number, Invocation>()
  const operations: Operation[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const event of events) {
    if (event.time < last)
      throw new Error(`operation ${event.op}: the time of its event is before that of the one before`)
    last = event.time
    if (event.type === 'invoke') {
      if (open.has(event.op)) throw new Error(`operation ${event.op} is invoked twice`)
      open.set(event.op, event)
      continue
    }
    const invocation = open.get(event.op)
    if (invocation === undefined)
      throw new Error(`operation ${event.op} completes without having been invoked`)
    open.delete(event.op)
    operations.push(operationOf(invocation, event))
  }
  for (const invocation of open.values()) operations.push(operationOf(invocation))
  return operations.toSorted((one, other) => one.invokedAt - other.invokedAt || one.id - other.id)
}

function operationOf({ op, process, key, call, time }: Invocation, completion?: Completion): Operation {
  const outcome = completion?.type ?? 'info'
  const isKnown = completion !== undefined && outcome !== 'info'
  return {
    id: op,
    process,
    key,
    call,
    invokedAt: time,
    completedAt: isKnown ? completion.time : Number.POSITIVE_INFINITY,
    outcome,
    result: outcome === 'ok' ? completion?.result : undefined,
  }
}

/** Records what clients do, as they do it. `now` gives nanoseconds. */
export function createRecorder(kind: string, now: () => number = monotonicNs()) {
  const events: HistoryEvent[] = []
  let count = 0
  return {
    history: (): History => ({ kind, events }),
    operations: (): Operation[] => operationsOf(events),
    /** Returns how to complete the operation. */
    invoke(process: string, key: string, call: unknown): Complete {
      const op = ++count
      events.push({ time: now(), op, type: 'invoke', process, key, call })
      return (type, result) => {
        events.push({ time: now(), op, type, ...(result !== undefined && { result }) })
      }
    },
  }
}

function monotonicNs(): () => number {
  const start = process.hrtime.bigint()
  return () => Number(process.hrtime.bigint() - start)
}
