import { randomFillSync } from 'node:crypto'

/** A position in a trace: 16 bytes for the trace and 8 for the span, both in lower-case hex. */
export type SpanContext = { readonly traceId: string; readonly spanId: string }

/** The position that a W3C `traceparent` states (https://www.w3.org/TR/trace-context/), and whether its sender records the trace. */
type Traceparent = SpanContext & { readonly isSampled: boolean }

/**
 * The trace of one request, one for all that is said of it: its line in the log, what it sends on, and its spans. The client's trace
 * where it names one, otherwise one that begins here.
 */
export type TraceContext = SpanContext & {
  /** The caller's span; empty where the trace begins here. */
  readonly parentId: string
  /** What the caller does with the trace; undefined where it begins here. */
  readonly isSampledByCaller: boolean | undefined
}

const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** What stands for an invalid id (2.2.2). */
const [noTrace, noParent] = ['0'.repeat(32), '0'.repeat(16)]

/** Parses a `traceparent` header; undefined when it is missing or invalid. */
export function parseTraceparent(header: string | string[] | undefined): Traceparent | undefined {
  if (typeof header !== 'string') return undefined
  const [, version, traceId, spanId, flags, rest] = traceparent.exec(header) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined)
    return undefined
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === noTrace || spanId === noParent) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0 }
}

/** The only flag of version 00; all others are 0 in what is sent (3.2.2.5). */
const sampledFlag = 0x01

/** The context of a request with this `traceparent`, whose own span gets an id. */
export function beginContext(header: string | string[] | undefined): TraceContext {
  const caller = header === undefined ? undefined : parseTraceparent(header)
  return {
    traceId: caller?.traceId ?? randomHex(16),
    spanId: randomHex(8),
    parentId: caller?.spanId ?? '',
    isSampledByCaller: caller?.isSampled,
  }
}

/** The `traceparent` that states this position. */
export function traceparentOf({ traceId, spanId }: SpanContext, isSampled: boolean): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** The id of a new span. */
export function newSpanId(): string {
  return randomHex(8)
}

// A system call per id would take 5 us, a third of a whole response; one call fills a pool for many ids.
const pool = Buffer.alloc(4_096)
let poolHex = ''
let poolAt = 0

function randomHex(bytes: number): string {
  if (poolAt + bytes * 2 > poolHex.length) {
    poolHex = randomFillSync(pool).toString('hex')
    poolAt = 0
  }
  poolAt += bytes * 2
  return poolHex.slice(poolAt - bytes * 2, poolAt)
}
