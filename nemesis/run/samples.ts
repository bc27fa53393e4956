import type { History, Outcome } from '../history.ts'

/** An operation as its client saw it, in milliseconds since the run began. */
export type Sample = {
  readonly address: string
  readonly kind: 'read' | 'write'
  /** Such as `update: mismatch`; that of an operation without a result is its outcome. */
  readonly label: string
  readonly outcome: Outcome
  readonly sentMs: number
  readonly endedMs: number
}

/** What a checker needs besides what clients did, and records as operations of no duration. */
const recordedAtEnd = ['stored', 'delivery', 'account']

/** The operations of a history that have ended, in the order of their ends. */
export function samplesOf({ events }: History): Sample[] {
  const open = new Map<number, { f: string; process: string; time: number }>()
  const samples: Sample[] = []
  for (const event of events) {
    if (event.type === 'invoke') {
      const f = String(Object(event.call).f)
      if (!recordedAtEnd.includes(f)) open.set(event.op, { f, process: event.process, time: event.time })
      continue
    }
    const invocation = open.get(event.op)
    if (invocation === undefined) continue
    const { f, process, time } = invocation
    samples.push({
      address: process.split(' at ')[1] ?? process,
      kind: f === 'read' ? 'read' : 'write',
      label: `${f}: ${labelOf(event.type, Object(event.result).kind)}`,
      outcome: event.type,
      sentMs: time / 1e6,
      endedMs: event.time / 1e6,
    })
  }
  return samples
}

function labelOf(outcome: Outcome, kind: unknown): string {
  if (outcome === 'ok') return kind === undefined ? 'done' : String(kind)
  return outcome === 'fail' ? 'refused' : 'unknown'
}
