import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { exponentialBackoffMs } from '../clock/index.ts'
import { spanKinds } from './spans.ts'
import type { Attributes, SpanData } from './spans.ts'

/**
 * OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/), by hand: the official packages take a third of a second to load,
 * and four times as long for a span (docs/decisions/0030).
 */

const compress = promisify(gzip)
const gzipMinBytes = 1_024
/** Of an encoded span, for the bound of what waits. */
const spanBytes = 1_024
const waitingBytesMax = 8_388_608
const batchMax = 512
const attemptsMax = 6
const backoffMaxMs = 30_000
const requestTimeoutMs = 10_000
const retried: ReadonlySet<number> = new Set([429, 502, 503, 504])

type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }

/** An ExportTraceServiceRequest: ids in hex, 64-bit numbers as text, enumerations as numbers. */
export function encodeSpans(spans: readonly SpanData[], version: string): string {
  const resourceSpans = [...Map.groupBy(spans, ({ service }) => service)].map(([service, group]) => ({
    resource: {
      attributes: attributesOf({
        'service.name': service,
        'service.namespace': 'quintet',
        'service.version': version,
        'process.pid': process.pid,
      }),
    },
    scopeSpans: [{ scope: { name: 'quintet', version }, spans: group.map(encodeSpan) }],
  }))
  return JSON.stringify({ resourceSpans })
}

function encodeSpan(span: SpanData) {
  const { traceId, spanId, parentId, name, kind, startMs, durationMs, error, attributes, links } = span
  return {
    traceId,
    spanId,
    ...(parentId !== '' && { parentSpanId: parentId }),
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(startMs + durationMs),
    attributes: attributesOf({ ...attributes, ...(error !== '' && { 'error.type': error }) }),
    ...(links.length > 0 && { links: links.map((link) => ({ ...link, attributes: [] })) }),
    status: error === '' ? {} : { code: 2 },
  }
}

/** A double holds microseconds of today, and no nanoseconds. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1_000)}000`
}

function attributesOf(values: Attributes | Readonly<Record<string, string | number>>) {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValueOf(value) }))
}

function anyValueOf(value: string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** The headers of `OTLP_HEADERS`: `name=value` with commas between them, and values percent-encoded, as in OTEL_EXPORTER_OTLP_HEADERS. */
export function parseOtlpHeaders(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=')
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]]
  })
  return Object.fromEntries(pairs)
}

type ExporterOptions = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly version: string
  /** Called with the number of spans that were not accepted, and the cause. */
  readonly lost: (count: number, cause: unknown) => void
  readonly sent?: () => void
  readonly pause: (ms: number) => Promise<void>
  readonly now: () => number
}

/** Sends spans to a collector, one request at a time. What it does not take waits, up to a bound, and is lost after some attempts. */
export function createOtlpExporter({ url, headers, version, lost, sent, pause, now }: ExporterOptions) {
  const target = `${url.replace(/\/$/, '')}/v1/traces`
  const waiting: SpanData[] = []
  let sending: Promise<void> | undefined
  let isClosing = false

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchMax)
      try {
        const rejected = await sendBatch(batch)
        if (rejected.count > 0) lost(Math.min(rejected.count, batch.length), new Error(rejected.reason))
        else sent?.()
      } catch (error) {
        lost(batch.length, error)
      }
    }
    sending = undefined
  }

  async function sendBatch(batch: readonly SpanData[]): Promise<{ count: number; reason: string }> {
    const text = encodeSpans(batch, version)
    const isLarge = text.length > gzipMinBytes
    const request = {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        ...(isLarge && { 'content-encoding': 'gzip' }),
      },
      body: isLarge ? await compress(text) : text,
      redirect: 'error' as const,
    }
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await attemptOf(target, request)
      if ('rejected' in outcome) return outcome.rejected
      if (!outcome.mayRetry || attempt >= attemptsMax || isClosing) throw outcome.error
      await pause(outcome.afterMs(now()) ?? exponentialBackoffMs(attempt + 3, backoffMaxMs))
    }
  }

  return {
    send(spans: readonly SpanData[]): void {
      const room = Math.max(0, Math.floor(waitingBytesMax / spanBytes) - waiting.length)
      waiting.push(...spans.slice(0, room))
      if (spans.length > room) lost(spans.length - room, new Error('too many spans wait for the collector'))
      sending ??= sendAll()
    },
    /** Makes no further attempts with what fails; resolves when all that waits was sent or lost. */
    async close(): Promise<void> {
      isClosing = true
      await sending
    },
  }
}

type Attempt =
  | { readonly rejected: { count: number; reason: string } }
  | { readonly error: unknown; readonly mayRetry: boolean; afterMs(now: number): number | undefined }

async function attemptOf(target: string, request: RequestInit): Promise<Attempt> {
  try {
    const response = await fetch(target, { ...request, signal: AbortSignal.timeout(requestTimeoutMs) })
    const text = await response.text()
    if (response.ok) return { rejected: rejectedIn(text) }
    const after = response.headers.get('retry-after')
    return {
      error: new Error(`The collector responded with ${response.status}.`),
      mayRetry: retried.has(response.status),
      afterMs: (time) => retryAfterMs(after, time),
    }
  } catch (error) {
    return { error, mayRetry: true, afterMs: () => undefined }
  }
}

/** What a response of success has not accepted: nothing, where it is not JSON. */
function rejectedIn(text: string): { count: number; reason: string } {
  const answer = parsed(text)
  const partial = Reflect.get(answer, 'partialSuccess')
  if (typeof partial !== 'object' || partial === null) return { count: 0, reason: '' }
  const count = Number(Reflect.get(partial, 'rejectedSpans') ?? 0)
  return {
    count: Number.isSafeInteger(count) && count > 0 ? count : 0,
    reason: `The collector has rejected spans: ${String(Reflect.get(partial, 'errorMessage') ?? '')}`,
  }
}

function parsed(text: string): object {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs(field: string | null, now: number): number | undefined {
  if (field === null) return undefined
  const ms = /^\d+$/.test(field) ? Number(field) * 1_000 : Date.parse(field) - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 10 * backoffMaxMs)
}
