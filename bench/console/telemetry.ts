import { randomBytes } from 'node:crypto'

/** How many lines are sent for each trace. */
export const linesPerTrace = 4
const batchSize = 2_000
/** Over how long what is sent has happened, up to now. */
const spreadMs = 3_600_000
const routes = ['GET /guid/:guid', 'POST /guid', 'GET /api/movies', 'POST /api/billing', 'GET /users/:id']

/** Sends traces of two spans each, of the last hour, as another process does (OTLP over HTTP in JSON). */
export async function sendTraces(url: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += batchSize) {
    const spans = indexes(sent, count).flatMap((i) => {
      const traceId = randomBytes(16).toString('hex')
      const [spanId, childId] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
      const durationMs = (i * 7_919) % 400
      const { from, to } = timesOf(i, count, durationMs)
      const times = { startTimeUnixNano: from, endTimeUnixNano: to }
      return [
        { traceId, spanId, name: routes[i % routes.length], kind: 2, ...times },
        { traceId, spanId: childId, parentSpanId: spanId, name: 'SELECT', kind: 3, ...times },
      ]
    })
    await send(url, 'traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
  }
}

/** Sends lines of the log, each with a word of its own: `needle` with its number and an `x`. */
export async function sendLines(url: string, count: number, overMs = spreadMs): Promise<void> {
  for (let sent = 0; sent < count; sent += batchSize) {
    const logRecords = indexes(sent, count).map((i) => ({
      timeUnixNano: timesOf(i, count, 0, overMs).from,
      severityNumber: 9,
      severityText: 'INFO',
      body: { stringValue: `a line with needle${i}x and some other words, of the kind that logs have` },
    }))
    await send(url, 'logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })
  }
}

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'guid' } }] }

function indexes(from: number, count: number): number[] {
  return Array.from({ length: Math.min(batchSize, count - from) }, (_, i) => from + i)
}

function timesOf(
  index: number,
  count: number,
  durationMs: number,
  overMs = spreadMs,
): { from: string; to: string } {
  const from = Math.round(Date.now() - overMs + (index / count) * overMs)
  const nanos = (ms: number) => String(BigInt(ms) * 1_000_000n)
  return { from: nanos(from), to: nanos(from + durationMs) }
}

/** Sends again what the console cannot take yet, since it takes 10 MiB a second. */
async function send(url: string, signal: 'traces' | 'logs', body: object): Promise<void> {
  const text = JSON.stringify(body)
  for (;;) {
    const response = await fetch(`${url}/v1/${signal}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: text,
    })
    const answer = await response.text()
    if (response.status === 200) return
    if (response.status !== 429) throw new Error(`The console responds ${response.status}: ${answer}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
