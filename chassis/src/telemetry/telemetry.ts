import { durationClockOf, systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import type { FailureLogger } from './failure-log.ts'
import { Counter, Gauge } from './metrics.ts'
import type { Metrics } from './metrics.ts'
import { parseOtlpHeaders } from './otlp.ts'
import { createSampler } from './sampling.ts'
import type { SpanRing } from './spans.ts'
import { createThreadSink } from './thread-sink.ts'
import type { LossReason, TelemetrySink } from './thread-sink.ts'
import { createTracer } from './tracer.ts'
import type { Tracer } from './tracer.ts'

/** The settings of traces, as in config/telemetry-settings.ts. */
export type TelemetrySettings = {
  readonly TELEMETRY_URL: string
  readonly OTLP_URL: string
  readonly OTLP_HEADERS: string
  readonly TRACE_PER_SECOND: number
  readonly TRACE_SLOW_MS: number
}

/** What a process records of its requests and keeps of its lines, for all of its services. */
export type Telemetry = {
  /** The recorder of a service, which counts in its metrics. */
  tracer(service: string, metrics: Metrics): Tracer
  /** Keeps a line of the log, which is JSON. */
  readonly line: (service: string, line: string) => void
  /** Gives what has ended of those traces that go on for long. */
  giveOverdue(): void
  close(): Promise<void>
}

/** How long a trace without an end holds spans that have ended. */
const waitMs = 5_000
const checkIntervalMs = 1_000

/** Undefined where the settings name nothing to record to. `openSink` is for tests. */
export function openTelemetry(
  settings: TelemetrySettings,
  {
    logger,
    clock = systemClock,
    openSink = createThreadSink,
  }: { logger: FailureLogger; clock?: Clock; openSink?: typeof createThreadSink },
): Telemetry | undefined {
  const { file, bytesMax } = telemetryFile(settings.TELEMETRY_URL)
  if (file === '' && settings.OTLP_URL === '') return undefined
  const durations = durationClockOf(clock)
  const slowMs = settings.TRACE_SLOW_MS
  const counts = createCounts()
  const sink = openSink(
    {
      file,
      bytesMax,
      otlpUrl: settings.OTLP_URL,
      otlpHeaders: parseOtlpHeaders(settings.OTLP_HEADERS),
    },
    { logger, lost: counts.lost, now: durations.now },
  )
  const ring: SpanRing = {
    waiting: 0,
    open: new Set(),
    now: durations.now,
    slowMs,
    give(part) {
      counts.spans(part.spans[0]?.service ?? '', part.spans.length)
      sink.part(part)
    },
    lost: (service, count) => counts.lostOf(service, count),
  }
  const sampler = createSampler({ perSecond: settings.TRACE_PER_SECOND }, durations)
  const giveOverdue = () => giveEnded(ring)
  const timer = setInterval(giveOverdue, checkIntervalMs).unref()
  return {
    tracer(service, metrics) {
      counts.export(service, metrics, { sink, bytesMax: file === '' ? 0 : bytesMax })
      return createTracer({ service, ring, sampler, slowMs, clock })
    },
    line: (service, line) => sink.line({ service, line }),
    giveOverdue,
    async close() {
      clearInterval(timer)
      for (const trace of ring.open) trace.end()
      await sink.close()
    },
  }
}

/** `sqlite:file?bytes=…`; no file for `none:`. */
function telemetryFile(url: string): { file: string; bytesMax: number } {
  const [, file = '', bytes] = /^sqlite:([^?]*)(?:\?bytes=(\d+))?$/.exec(url) ?? []
  return { file, bytesMax: Number(bytes ?? bytesDefault) }
}

const bytesDefault = 268_435_456

/** A trace that goes on for long, as of server-sent events, does not hold what is over. */
function giveEnded(ring: SpanRing): void {
  const before = ring.now() - waitMs
  for (const trace of ring.open) if (trace.openedAtMs < before) trace.giveEnded()
}

/** Counts by service what was recorded; what the thread has lost, which is of all services, is counted for the first. */
function createCounts() {
  type OfService = { spans: number; readonly lost: Record<LossReason | 'ring', number> }
  const services = new Map<string, OfService>()

  function of(service: string): OfService {
    const known = services.get(service)
    if (known !== undefined) return known
    const made = { spans: 0, lost: { ring: 0, waiting: 0, file: 0, collector: 0 } }
    services.set(service, made)
    return made
  }

  return {
    spans(service: string, count: number): void {
      of(service).spans += count
    },
    lostOf(service: string, count: number): void {
      of(service).lost.ring += count
    },
    lost(reason: LossReason, count: number): void {
      const [first] = services.values()
      if (first !== undefined) first.lost[reason] += count
    },
    export(
      service: string,
      { registry }: Metrics,
      { sink, bytesMax }: { sink: TelemetrySink; bytesMax: number },
    ): void {
      const own = of(service)
      new Counter({
        name: 'quintet_telemetry_spans_total',
        help: 'Spans that were recorded.',
        registers: [registry],
        collect() {
          this.reset()
          this.inc(own.spans)
        },
      })
      new Counter({
        name: 'quintet_telemetry_lost_total',
        help: 'Spans and lines of the log that were not kept: since there were too many at a time (ring) or too many waited (waiting), or since they could not be written (file) or sent (collector).',
        labelNames: ['reason'],
        registers: [registry],
        collect() {
          this.reset()
          for (const [reason, count] of Object.entries(own.lost)) this.inc({ reason }, count)
        },
      })
      new Gauge({
        name: 'quintet_telemetry_bytes',
        help: 'The size of the file of telemetry; 0 before this process has written to it.',
        registers: [registry],
        collect() {
          this.set(sink.fileBytes())
        },
      })
      new Gauge({
        name: 'quintet_telemetry_bytes_max',
        help: 'The largest size that the file of telemetry may have; 0 where there is none.',
        registers: [registry],
      }).set(bytesMax)
    },
  }
}
