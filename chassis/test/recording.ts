import { createMetrics, openTelemetry } from '@quintet/chassis/telemetry'
import type { SpanData, TelemetrySettings, TracePart } from '@quintet/chassis/telemetry'
import { createLogger } from '@quintet/chassis/telemetry'
import { createManualClock } from './manual-clock.ts'

/** The telemetry of a process whose clock a test moves, with what it gives to its thread. */
export function createRecording({ perSecond = 10, slowMs = 250 } = {}) {
  const clock = createManualClock(1_796_040_000_000)
  const parts: TracePart[] = []
  const settings: TelemetrySettings = {
    TELEMETRY_URL: 'sqlite:unused.db',
    OTLP_URL: '',
    OTLP_HEADERS: '',
    TRACE_PER_SECOND: perSecond,
    TRACE_SLOW_MS: slowMs,
  }
  const telemetry = openTelemetry(settings, {
    clock,
    logger: createLogger({ service: 'sample', level: 'silent' }),
    openSink: () => ({
      part: (part) => void parts.push(part),
      line: () => {},
      fileBytes: () => 0,
      close: async () => {},
    }),
  })
  if (telemetry === undefined) throw new TypeError('There is a file, so there is telemetry.')
  const spans = (): readonly SpanData[] => parts.flatMap((part) => part.spans)
  return {
    clock,
    parts,
    telemetry,
    spans,
    roots: () => spans().filter(({ kind }) => kind === 'server'),
    give: telemetry.giveOverdue,
    /** Runs work as what a recorded message causes; the spans within it. */
    async spansOf(work: () => Promise<unknown>): Promise<readonly SpanData[]> {
      const messages = { queue: 'work', ids: ['1'], attempt: 1, traceparents: [] }
      const noFailure = { ofResult: () => '', ofError: () => '' }
      await telemetry.tracer('sample', createMetrics()).process(messages, work, noFailure)
      return spans().filter(({ name }) => name !== 'process work')
    },
    /** How many were lost for this reason, by the metrics of a service. */
    async lost(reason: string): Promise<number> {
      const metrics = createMetrics()
      telemetry.tracer('sample', metrics)
      const [, count] =
        new RegExp(`^quintet_telemetry_lost_total\\{reason="${reason}".*\\} (\\d+)$`, 'm').exec(
          await metrics.text(),
        ) ?? []
      return Number(count)
    },
  }
}
