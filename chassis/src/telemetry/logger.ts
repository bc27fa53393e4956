import { pino } from 'pino'
import type { DestinationStream, Logger as PinoLogger } from 'pino'

/** What one request leaves in the log. Times are milliseconds. */
export type AccessLine = {
  readonly requestId: string
  readonly traceId: string | undefined
  readonly method: string
  readonly url: string
  readonly route: string
  readonly status: number
  readonly durationMs: number
}

/**
 * Pino for what happens now and then, and `access` for what happens at every request: a line put together by hand into the
 * same batched stream, since a general logger would take a quarter of the time of a cached answer.
 */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  readonly pino: PinoLogger
  access(line: AccessLine): void
  /** Writes out what is still held back. */
  flush(): void
}

/** Access lines leave together when this many bytes wait, or after `flushIntervalMs`, or before any other line. */
const batchBytes = 32_768
const flushIntervalMs = 100

/** A logger of a service over standard output, or over `destination` where a test wants to read it. */
export function createLogger(options: {
  service: string
  level: string
  destination?: DestinationStream
}): Logger {
  const stream = options.destination ?? pino.destination({ dest: 1, sync: true })
  const accessLog = createAccessLog(options.service, stream)
  const log = pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.epochTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
      hooks: {
        logMethod(args, method) {
          accessLog.flush()
          method.apply(this, args)
        },
      },
    },
    stream,
  )
  const access = log.isLevelEnabled('info') ? accessLog.write : () => {}
  return Object.assign(Object.create(log), { pino: log, access, flush: accessLog.flush })
}

/** Should an object with headers or settings ever reach the log, these members of it do not. */
const secretPaths = ['authorization', 'cookie', 'password', 'private_key'].flatMap((name) => [
  name,
  `*.${name}`,
])

function createAccessLog(
  service: string,
  stream: DestinationStream,
): { write: Logger['access']; flush(): void } {
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
    write({ requestId, traceId, method, url, route, status, durationMs }) {
      const trace = traceId === undefined ? '' : `","traceId":"${traceId}`
      const duration = Math.round(durationMs * 1000) / 1000
      batch += `{"level":30,"time":${Date.now()}${head}${requestId}${trace}","method":"${method}","url":${quote(url)},"route":"${route}","status":${status},"durationMs":${duration}}\n`
      if (batch.length >= batchBytes) flush()
      else timer ??= setTimeout(flush, flushIntervalMs).unref()
    },
    flush,
  }
}

/** A path is nearly always plain; one that is not could forge a line, or a terminal's escape, and is quoted with care. */
function quote(url: string): string {
  return plain.test(url) ? `"${url}"` : JSON.stringify(url)
}

const plain = /^[\w\-./?=&%:,;~+@]*$/
