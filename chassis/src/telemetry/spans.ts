import { AsyncLocalStorage } from 'node:async_hooks'
import { newSpanId } from './trace-context.ts'
import type { SpanContext } from './trace-context.ts'

/** The kinds of OpenTelemetry, by their numbers. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
export type SpanKind = keyof typeof spanKinds

/**
 * All attributes that spans may have. No field of a request, no body, no query and no value of a statement is among them: they may be secret.
 */
export const attributeNames = [
  'db.query.summary',
  'db.system.name',
  'http.request.method',
  'http.request.resend_count',
  'http.response.status_code',
  'http.route',
  'messaging.batch.message_count',
  'messaging.destination.name',
  'messaging.message.id',
  'quintet.attempt',
  'quintet.cache.result',
  'quintet.commit.statements',
  'quintet.kept',
  'quintet.request_id',
  'quintet.spans_lost',
  'quintet.unfinished',
  'quintet.unrecorded',
  'quintet.upstream',
  'url.path',
] as const
export type Attributes = { [Name in (typeof attributeNames)[number]]?: string | number | boolean }

/** What is stored and sent of a span. */
export type SpanData = SpanContext & {
  readonly parentId: string
  readonly service: string
  readonly name: string
  readonly kind: SpanKind
  /** In milliseconds since 1970. */
  readonly startMs: number
  durationMs: number
  /** The kind of failure; empty for none. */
  error: string
  readonly attributes: Attributes
  /** Other traces that have caused this one, as those of the messages of a batch. */
  readonly links: readonly SpanContext[]
}

/** Why a trace is kept: the worst that has happened in it. */
export type Kept = 'sampled' | 'slow' | 'error'

/** The spans of one trace in one service, or those so far. */
export type TracePart = {
  readonly traceId: string
  readonly requestId: string
  readonly why: Kept
  readonly spans: readonly SpanData[]
}

export type SpanAbout = {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes?: Attributes
  readonly links?: readonly SpanContext[]
}

/** What the traces of a process share: how much of them waits for its end, and where the spans go. */
export type SpanRing = {
  /** How many spans wait for the end of their traces. */
  waiting: number
  readonly open: Set<OpenTrace>
  readonly now: () => number
  readonly slowMs: number
  readonly give: (part: TracePart) => void
  readonly lost: (service: string, count: number) => void
}

/** Spans that wait, of all traces and of one. */
const ringMax = 4_096
const spansOfTraceMax = 512
const textLengthMax = 1_024
const linksMax = 128

/** A trace that is being recorded. What is made for each span is a class, since a closure for each method costs memory. */
export class OpenTrace {
  readonly ring: SpanRing
  readonly service: string
  readonly traceId: string
  readonly requestId: string
  /** The time of the machine less that of the ring, so that no span is earlier than its parent where the clock is set. */
  readonly offsetMs: number
  readonly openedAtMs: number
  readonly root: RecordedSpan
  why: Kept = 'sampled'
  isOver = false
  #spans: RecordedSpan[] = []
  #count = 0
  #lost = 0

  constructor(
    ring: SpanRing,
    about: SpanAbout & {
      readonly service: string
      readonly context: SpanContext & { readonly parentId: string }
      readonly requestId: string
      /** In milliseconds since 1970, and how long ago it began. */
      readonly wallMs: number
      readonly startedAtMs: number
    },
  ) {
    this.ring = ring
    this.service = about.service
    this.traceId = about.context.traceId
    this.requestId = about.requestId
    this.openedAtMs = ring.now()
    this.offsetMs = about.wallMs - this.openedAtMs
    this.root = new RecordedSpan(this, about.context, about, about.startedAtMs)
    ring.open.add(this)
    this.#add(this.root)
  }

  /** A span in this trace; undefined where there are too many. */
  add(parentId: string, about: SpanAbout): RecordedSpan | undefined {
    if (this.isOver) return undefined
    if (this.#count >= spansOfTraceMax || this.ring.waiting >= ringMax) {
      this.#lost += 1
      this.ring.lost(this.service, 1)
      return undefined
    }
    const context = { traceId: this.traceId, spanId: newSpanId(), parentId }
    const span = new RecordedSpan(this, context, about, this.ring.now())
    this.#add(span)
    return span
  }

  #add(span: RecordedSpan): void {
    this.#spans.push(span)
    this.#count += 1
    this.ring.waiting += 1
  }

  /** One failure or slow part marks the whole. */
  mark(why: Kept): void {
    if (this.why !== 'error') this.why = why
  }

  /** Gives those spans that have ended, without waiting for the others any longer. */
  giveEnded(): void {
    const ended = this.#spans.filter(({ isEnded }) => isEnded)
    this.#spans = this.#spans.filter(({ isEnded }) => !isEnded)
    this.#give(ended)
  }

  /** The root has ended: nothing is added any more, and what has not ended never will. */
  end(): void {
    this.isOver = true
    this.ring.open.delete(this)
    for (const span of this.#spans) if (!span.isEnded) span.leave()
    if (this.why !== 'sampled') this.root.set('quintet.kept', this.why)
    if (this.#lost > 0) this.root.set('quintet.spans_lost', this.#lost)
    const spans = this.#spans
    this.#spans = []
    this.#give(spans)
  }

  #give(spans: readonly RecordedSpan[]): void {
    this.ring.waiting -= spans.length
    if (spans.length === 0) return
    const { traceId, requestId, why } = this
    this.ring.give({ traceId, requestId, why, spans: spans.map(({ data }) => data) })
  }
}

/** A span of a trace that is being recorded. */
export class RecordedSpan {
  readonly trace: OpenTrace
  readonly data: SpanData
  readonly #startedAtMs: number
  isEnded = false
  /** Whether it lasts until one side ends it, so that it is not slow. */
  isEndless = false

  constructor(
    trace: OpenTrace,
    context: SpanContext & { readonly parentId: string },
    { name, kind, attributes = {}, links = [] }: SpanAbout,
    startedAtMs: number,
  ) {
    this.trace = trace
    this.#startedAtMs = startedAtMs
    this.data = {
      traceId: context.traceId,
      spanId: context.spanId,
      parentId: context.parentId,
      service: trace.service,
      name,
      kind,
      startMs: trace.offsetMs + startedAtMs,
      durationMs: 0,
      error: '',
      attributes: bounded(attributes),
      links: links.slice(0, linksMax),
    }
  }

  /** A span within this one; undefined where there are too many. */
  child(about: SpanAbout): RecordedSpan | undefined {
    return this.trace.add(this.data.spanId, about)
  }

  set(name: keyof Attributes, value: string | number | boolean): void {
    this.data.attributes[name] = shortened(value)
  }

  /** The first end counts. `error` is the kind of failure. */
  end(error = ''): void {
    if (this.isEnded) return
    const { ring } = this.trace
    this.isEnded = true
    this.data.durationMs = ring.now() - this.#startedAtMs
    this.data.error = error.slice(0, textLengthMax)
    if (error !== '') this.trace.mark('error')
    else if (this.data.durationMs > ring.slowMs && !this.isEndless) this.trace.mark('slow')
    if (this === this.trace.root) this.trace.end()
  }

  /** The trace ends before the span has. */
  leave(): void {
    this.isEnded = true
    this.data.durationMs = this.trace.ring.now() - this.#startedAtMs
    if (this !== this.trace.root) this.set('quintet.unfinished', true)
  }

  /** Runs work whose spans are within this one, as far as it is asynchronous. */
  run<T>(work: () => T): T {
    return active.run(this, work)
  }
}

function bounded(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes).map(([name, value]) => [name, shortened(value)])
  return Object.fromEntries(entries)
}

function shortened<T extends string | number | boolean>(value: T): T | string {
  return typeof value === 'string' ? value.slice(0, textLengthMax) : value
}

/**
 * The span that work belongs to, through all that it awaits. It is entered for recorded requests alone; others pay for one read of
 * it where there is something to record.
 */
const active = new AsyncLocalStorage<RecordedSpan>()

/** The span that this belongs to; undefined where nothing is recorded. */
export function activeSpan(): RecordedSpan | undefined {
  const span = active.getStore()
  return span === undefined || span.trace.isOver ? undefined : span
}

/** Runs work as a span within another, and ends it with the work. */
export function withSpan<T>(
  parent: RecordedSpan,
  about: SpanAbout,
  work: (span: RecordedSpan | undefined) => T,
): T {
  const span = parent.child(about)
  if (span === undefined) return work(undefined)
  try {
    const result = span.run(() => work(span))
    if (result instanceof Promise)
      result.then(
        () => span.end(),
        (error: unknown) => span.end(errorTypeOf(error)),
      )
    else span.end()
    return result
  } catch (error) {
    span.end(errorTypeOf(error))
    throw error
  }
}

/** The kind of an error, which has nothing of its message: the code of the table of errors, or the name. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
