import { randomFillSync } from 'node:crypto'

/** W3C Trace Context, https://www.w3.org/TR/trace-context/: 16-byte trace, 8-byte parent, both in lower-case hex. */
type TraceContext = { readonly traceId: string; readonly parentId: string; readonly flags: string }

const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** What stands for an invalid id (2.2.2). */
const [noTrace, noParent] = ['0'.repeat(32), '0'.repeat(16)]

/** Parses a `traceparent` header; undefined when it is missing or invalid. */
export function parseTraceparent(header: string | string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string') return undefined
  const [, version, traceId, parentId, flags, rest] = traceparent.exec(header) ?? []
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined)
    return undefined
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === noTrace || parentId === noParent) return undefined
  return { traceId, parentId, flags }
}

/** The `traceparent` to forward: the same trace with a new parent id, or a new trace, not sampled. */
export function continueTrace(incoming: TraceContext | undefined): string {
  return `00-${incoming?.traceId ?? randomHex(16)}-${randomHex(8)}-${incoming?.flags ?? '00'}`
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
