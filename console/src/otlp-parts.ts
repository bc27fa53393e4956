import { attributeNames, spanKinds, withoutSecrets } from '@quintet/chassis/telemetry'
import type { SpanData, TracePart } from '@quintet/chassis/telemetry'
import { levels } from '@quintet/chassis/telemetry/file'

/**
 * What OTLP requests in JSON consist of (https://opentelemetry.io/docs/specs/otlp/), as what is kept. They come from anybody who may
 * send them, so nothing of them is trusted: attributes are those of a closed list, and texts, numbers and times have bounds.
 */

export type OtlpSignal = 'traces' | 'logs'
type KeptLine = { readonly service: string; readonly line: string }
type OtlpParts = {
  readonly parts: readonly TracePart[]
  readonly lines: readonly KeptLine[]
  /** How many spans or lines have no valid form. */
  readonly rejected: number
}

const textLengthMax = 1_024
const nameLengthMax = 256
const messageLengthMax = 4_096
const linksMax = 128
const durationMax = 86_400_000
/** How far ahead the clock of a sender may be. */
const aheadMax = 3_600_000
const allowed: ReadonlySet<string> = new Set(attributeNames)

export function otlpPartsOf(signal: OtlpSignal, request: unknown, now: number): OtlpParts {
  return signal === 'traces' ? tracesOf(request, now) : logsOf(request, now)
}

function tracesOf(request: unknown, now: number): OtlpParts {
  const spans: SpanData[] = []
  let rejected = 0
  for (const resource of listIn(request, 'resourceSpans')) {
    const service = serviceOf(resource)
    for (const scope of listIn(resource, 'scopeSpans'))
      for (const one of listIn(scope, 'spans')) {
        const span = spanOf(one, service, now)
        if (span === undefined) rejected += 1
        else spans.push(span)
      }
  }
  const parts = [...Map.groupBy(spans, ({ traceId }) => traceId)].map(([traceId, ofTrace]) => ({
    traceId,
    requestId: text(
      ofTrace.map((span) => span.attributes['quintet.request_id']).find(Boolean),
      nameLengthMax,
    ),
    why: whyOf(ofTrace),
    spans: ofTrace,
  }))
  return { parts, lines: [], rejected }
}

function whyOf(spans: readonly SpanData[]): TracePart['why'] {
  const marks = spans.map(({ attributes }) => attributes['quintet.kept'])
  if (marks.includes('error') || spans.some(({ error }) => error !== '')) return 'error'
  return marks.includes('slow') ? 'slow' : 'sampled'
}

function spanOf(span: unknown, service: string, now: number): SpanData | undefined {
  const traceId = idOf(member(span, 'traceId'), 32)
  const spanId = idOf(member(span, 'spanId'), 16)
  const startMs = timeOf(member(span, 'startTimeUnixNano'), now)
  const endMs = timeOf(member(span, 'endTimeUnixNano'), now)
  if (traceId === '' || spanId === '' || startMs === undefined || endMs === undefined) return undefined
  const { 'error.type': errorType, ...attributes } = attributesOf(span)
  const kind = member(span, 'kind')
  const hasFailed = member(member(span, 'status'), 'code') === 2
  return {
    ...{ traceId, spanId, parentId: idOf(member(span, 'parentSpanId'), 16), service },
    name: text(member(span, 'name'), nameLengthMax) || 'unnamed',
    kind: kindNames.find((name) => spanKinds[name] === kind) ?? 'internal',
    startMs,
    durationMs: Math.min(Math.max(wholeMicroseconds(endMs - startMs), 0), durationMax),
    error: hasFailed ? text(errorType, textLengthMax) || '_OTHER' : '',
    attributes,
    links: listIn(span, 'links').slice(0, linksMax).flatMap(linkOf),
  }
}

const kindNames = ['internal', 'server', 'client', 'producer', 'consumer'] as const

function linkOf(link: unknown): { traceId: string; spanId: string }[] {
  const [traceId, spanId] = [idOf(member(link, 'traceId'), 32), idOf(member(link, 'spanId'), 16)]
  return traceId === '' || spanId === '' ? [] : [{ traceId, spanId }]
}

function logsOf(request: unknown, now: number): OtlpParts {
  const lines: KeptLine[] = []
  let rejected = 0
  for (const resource of listIn(request, 'resourceLogs')) {
    const service = serviceOf(resource)
    for (const scope of listIn(resource, 'scopeLogs'))
      for (const record of listIn(scope, 'logRecords')) {
        const line = lineOf(record, service, now)
        if (line === undefined) rejected += 1
        else lines.push({ service, line })
      }
  }
  return { parts: [], lines, rejected }
}

function lineOf(record: unknown, service: string, now: number): string | undefined {
  const time =
    timeOf(member(record, 'timeUnixNano'), now) ?? timeOf(member(record, 'observedTimeUnixNano'), now)
  const message = member(member(record, 'body'), 'stringValue')
  if (time === undefined || typeof message !== 'string') return undefined
  const { 'error.type': _, ...attributes } = attributesOf(record)
  const ids = {
    traceId: idOf(member(record, 'traceId'), 32),
    requestId: text(attributes['quintet.request_id'], nameLengthMax),
  }
  return withoutSecrets(
    JSON.stringify({
      level: levelOf(member(record, 'severityNumber')),
      time: Math.floor(time),
      service,
      msg: message.slice(0, messageLengthMax),
      ...(ids.traceId !== '' && { traceId: ids.traceId }),
      ...(ids.requestId !== '' && { requestId: ids.requestId }),
      ...attributes,
    }),
  )
}

/** Four numbers for each level, from 1 on; 0 for none. */
function levelOf(severity: unknown): (typeof levels)[number] {
  const number = typeof severity === 'number' ? Math.floor((severity - 1) / 4) : -1
  return levels[number] ?? 'info'
}

function serviceOf(resource: unknown): string {
  const attributes = listIn(member(resource, 'resource'), 'attributes')
  const found = attributes.find((one) => member(one, 'key') === 'service.name')
  const name = member(member(found, 'value'), 'stringValue')
  return typeof name === 'string' && /^[\w.-]{1,64}$/.test(name) ? name : 'unknown'
}

type Attributes = SpanData['attributes'] & { 'error.type'?: string }

/** Those that our own spans may have. */
function attributesOf(owner: unknown): Attributes {
  const entries = listIn(owner, 'attributes').flatMap((one) => {
    const key = member(one, 'key')
    const isAllowed = typeof key === 'string' && (allowed.has(key) || key === 'error.type')
    const value = isAllowed ? attributeValue(member(one, 'value')) : undefined
    return value === undefined ? [] : [[key, value] as const]
  })
  return Object.fromEntries(entries)
}

function attributeValue(value: unknown): string | number | boolean | undefined {
  const [string, boolean, double] = ['stringValue', 'boolValue', 'doubleValue'].map((name) =>
    member(value, name),
  )
  const integer = member(value, 'intValue')
  if (typeof string === 'string') return withoutSecrets(string.slice(0, textLengthMax))
  if (typeof boolean === 'boolean') return boolean
  const number = integer === undefined ? double : Number(integer)
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Nanoseconds since 1970, as text or as a number, in milliseconds; undefined for what is no time of the past. */
function timeOf(nanoseconds: unknown, now: number): number | undefined {
  const isNumber =
    typeof nanoseconds === 'number' || (typeof nanoseconds === 'string' && /^\d{1,20}$/.test(nanoseconds))
  const ms = isNumber ? wholeMicroseconds(Number(nanoseconds) / 1_000_000) : 0
  return ms > 0 && ms <= now + aheadMax ? ms : undefined
}

/** A double holds microseconds of today, and no nanoseconds. */
function wholeMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

/** In lower case; empty for what is no id, and for the one of zeros, which stands for none. */
function idOf(value: unknown, digits: number): string {
  if (typeof value !== 'string' || value.length !== digits || !/^[0-9a-f]+$/i.test(value)) return ''
  return /^0+$/.test(value) ? '' : value.toLowerCase()
}

function text(value: unknown, lengthMax: number): string {
  return typeof value === 'string' ? withoutSecrets(value.slice(0, lengthMax)) : ''
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const list = member(value, name)
  return Array.isArray(list) ? list : []
}
