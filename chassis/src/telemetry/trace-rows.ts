import type { Kept } from './spans.ts'
import type { Row } from './statements.ts'

/** A trace without its spans. */
export type TraceSummary = {
  readonly id: string
  readonly requestId: string
  readonly at: number
  /** The name of the first span. */
  readonly root: string
  readonly service: string
  readonly services: string[]
  readonly durationMs: number
  readonly spans: number
  readonly failed: boolean
  /** Of the response to the first span; null where it has none. */
  readonly status: number | null
  readonly why: Kept
}

export const summaryColumns =
  'seq, id, request_id, at, root, service, services, duration_ms, spans, failed, status, why'

export function summaryOf(row: Row): TraceSummary {
  return {
    id: String(row.id),
    requestId: String(row.request_id),
    at: Number(row.at),
    root: String(row.root),
    service: String(row.service),
    services: String(row.services).split(','),
    durationMs: Number(row.duration_ms),
    spans: Number(row.spans),
    failed: row.failed === 1,
    status: row.status === 0 ? null : Number(row.status),
    why: whyOf(row.why),
  }
}

export function whyOf(value: unknown): Kept {
  return value === 'error' || value === 'slow' ? value : 'sampled'
}
