import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { createApp } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import type { SpanData, TracePart } from '@quintet/chassis/telemetry'
import { openTelemetryFile } from '@quintet/chassis/telemetry/file'
import { addLive } from '../src/live.ts'
import { addLogs } from '../src/logs.ts'
import { addOtlp } from '../src/otlp.ts'
import { openReader } from '../src/reader.ts'
import { addTraces } from '../src/traces.ts'
import type { SystemMap } from '../src/wire/index.ts'

export const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')

function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'quintet-reading-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** An app with what reads the file of telemetry, and the file as a service has it. */
export async function readingWorld(
  t: TestContext,
  { isKept = true, batchMs = 20, heartbeatMs = 15_000, figuresAt = (): number => 1 } = {},
) {
  const path = join(temporaryFolder(t), 'telemetry.db')
  const reader = openReader(isKept ? `sqlite:${path}?bytes=50000000` : 'none:')
  t.after(() => reader.close())
  const file = openTelemetryFile(isKept ? path : ':memory:', { bytesMax: 50_000_000, now: Date.now })
  t.after(() => file.close())
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'For tests.', checkResponses: true },
    logger: createLogger({ service: 'console', level: 'silent' }),
  })
  t.after(() => app.close())
  addTraces(app, { reader, version: '1.2.3' })
  addLogs(app, { reader })
  addOtlp(app, { reader, clock: systemClock })
  addLive(app, {
    ...{ reader, clock: systemClock, batchMs, heartbeatMs },
    map: async () => mapAt(figuresAt()),
    queues: async () => [],
  })
  const get = async (url: string) => {
    const response = await app.inject(url)
    return { status: response.statusCode, body: response.json(), text: response.body }
  }
  return { app, file, get, path, reader }
}

export function partOf(
  trace: number,
  span: Partial<SpanData> = {},
  why: TracePart['why'] = 'sampled',
): TracePart {
  const traceId = hex(trace, 32)
  const whole: SpanData = {
    ...{
      traceId,
      spanId: hex(1, 16),
      parentId: '',
      service: 'guid',
      name: 'GET /guid/:guid',
      kind: 'server',
    },
    ...{ startMs: Date.UTC(2026, 0, 1) + trace * 1_000.25, durationMs: 10.5, error: '', links: [] },
    attributes: { 'http.response.status_code': 200 },
    ...span,
  }
  return { traceId, requestId: `r${trace}`, why, spans: [whole] }
}

/** A map that is large enough to fill what a client does not read. */
function mapAt(at: number): SystemMap {
  const figures = { requestsPerSecond: null, errorShare: null, p95Ms: null }
  return {
    at,
    nodes: [
      {
        ...{ id: 'clients', title: 'x'.repeat(200_000), fault: '', engine: '', url: '', figures },
        ...{ column: 'clients' as const, state: 'up' as const, live: null, dead: null },
      },
    ],
    edges: [],
  }
}
