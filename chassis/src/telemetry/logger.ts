import { pino } from 'pino'
import type { DestinationStream, Logger as PinoLogger } from 'pino'
import { withoutSecrets } from './secrets.ts'
import { activeSpan } from './spans.ts'

/** The log line of one request. */
type AccessLine = {
  readonly requestId: string
  readonly traceId: string
  readonly method: string
  readonly url: string
  /** Undefined where none was matched. */
  readonly route: string | undefined
  readonly status: number
  readonly durationMs: number
  /** Whether the trace of the request is kept. */
  readonly isKept?: boolean
}

/**
 * Pino, and `access` for the line of each request, which is concatenated by hand into the same stream: a general logger would
 * take a quarter of the time of a cached response.
 */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  readonly pino: PinoLogger
  access(line: AccessLine): void
  /** The same for a request of a probe or a scraper, at the level `debug`. */
  probe(line: AccessLine): void
  /** Writes the buffered access lines. */
  flush(): void
}

/** Access lines are written once this many bytes are buffered, after `flushIntervalMs`, or before any other line. */
const batchBytes = 32_768
const flushIntervalMs = 100

/** A service's logger to standard output, or to `destination` in tests. */
export function createLogger(options: {
  service: string
  level: string
  destination?: DestinationStream
  /** Keeps those lines that may be looked for later: warnings, errors, and those of recorded requests. */
  keep?: ((service: string, line: string) => void) | undefined
}): Logger {
  const { keep } = options
  const stream = options.destination ?? pino.destination({ dest: 1, sync: true })
  const accessLog = createAccessLog(options.service, stream, keep)
  const log = pino(
    {
      level: options.level,
      base: { service: options.service },
      formatters: { level: (level) => ({ level }) },
      timestamp: pino.stdTimeFunctions.epochTime,
      mixin: traceFields,
      redact: { paths: secretPaths, censor: '[redacted]' },
      hooks: {
        logMethod(args, method) {
          accessLog.flush()
          method.apply(this, args)
        },
        streamWrite(text) {
          const line = withoutSecrets(text)
          if (keep !== undefined && isKept(line)) keep(options.service, line.trimEnd())
          return line
        },
      },
    },
    stream,
  )
  const writeAt = (level: 'info' | 'debug') =>
    log.isLevelEnabled(level) ? (line: AccessLine) => accessLog.write(line, level) : () => {}
  const lines = { access: writeAt('info'), probe: writeAt('debug') }
  return Object.assign(Object.create(log), { pino: log, ...lines, flush: accessLog.flush })
}

/** The trace of the recorded request that a line belongs to. */
function traceFields(): { traceId?: string; spanId?: string } {
  const span = activeSpan()
  return span === undefined ? {} : { traceId: span.data.traceId, spanId: span.data.spanId }
}

function isKept(line: string): boolean {
  return severe.test(line) || activeSpan() !== undefined
}

const severe = /^\{"level":"(?:warn|error|fatal)"/

/** Members that are redacted, should an object with headers or settings be logged. */
const secretPaths = ['authorization', 'cookie', 'password', 'private_key'].flatMap((name) => [
  name,
  `*.${name}`,
])

function createAccessLog(
  service: string,
  stream: DestinationStream,
  keep: ((service: string, line: string) => void) | undefined,
): { write(line: AccessLine, level: 'info' | 'debug'): void; flush(): void } {
  const head = `,"service":${JSON.stringify(service)},"msg":"request","requestId":"`
  let batch = ''
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (batch !== '') stream.write(batch)
    batch = ''
  }

  return {
    write({ requestId, traceId, method, url, route, status, durationMs, isKept = false }, level) {
      const matched = route === undefined ? '' : `,"route":"${route}"`
      const duration = Math.round(durationMs * 1000) / 1000
      const line = `{"level":"${level}","time":${Date.now()}${head}${requestId}","traceId":"${traceId}","method":"${method}","url":${quote(url)}${matched},"status":${status},"durationMs":${duration}}`
      if (isKept) keep?.(service, line)
      batch += `${line}\n`
      if (batch.length >= batchBytes) flush()
      else timer ??= setTimeout(flush, flushIntervalMs).unref()
    },
    flush,
  }
}

/** Nearly every path is plain; any other is escaped, since it could forge a line or a terminal escape sequence. */
function quote(url: string): string {
  return plain.test(url) ? `"${url}"` : JSON.stringify(url)
}

const plain = /^[\w\-./?=&%:,;~+@]*$/
