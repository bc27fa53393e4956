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

/** Lines of a batch leave together when this many bytes wait, or after `flushIntervalMs`; warnings and errors at once. */
const batchBytes = 8_192
const flushIntervalMs = 100

type Destination = DestinationStream & { flushSync?(): void; end?(): void }

/** A logger of a service over standard output, or over `destination` where a test wants to read it. */
export function createLogger(options: { service: string; level: string; destination?: Destination }): Logger {
  const stream: Destination =
    options.destination ??
    pino.destination({ dest: 1, minLength: batchBytes, periodicFlush: flushIntervalMs, sync: false })
  const log = pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.epochTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
      hooks: {
        logMethod(args, method, level) {
          method.apply(this, args)
          if (level >= warnLevel) stream.flushSync?.()
        },
      },
    },
    stream,
  )
  const access = log.isLevelEnabled('info') ? createAccessLog(options.service, stream) : () => {}
  return Object.assign(Object.create(log), { pino: log, access, flush: () => stream.flushSync?.() })
}

const warnLevel = 40

/** Should an object with headers or settings ever reach the log, these members of it do not. */
const secretPaths = ['authorization', 'cookie', 'password', 'private_key'].flatMap((name) => [
  name,
  `*.${name}`,
])

function createAccessLog(service: string, stream: Destination): Logger['access'] {
  const head = `,"service":${JSON.stringify(service)},"msg":"request","requestId":"`
  return (line) => {
    const trace = line.traceId === undefined ? '' : `","traceId":"${line.traceId}`
    stream.write(
      `{"level":30,"time":${Date.now()}${head}${line.requestId}${trace}","method":"${line.method}","url":${quote(line.url)},"route":"${line.route}","status":${line.status},"durationMs":${Math.round(line.durationMs * 1000) / 1000}}\n`,
    )
  }
}

/** A path is nearly always plain; one that is not could forge a line, or a terminal's escape, and is quoted with care. */
function quote(url: string): string {
  return /^[\w\-./?=&%:,;~+@]*$/.test(url) ? `"${url}"` : JSON.stringify(url)
}
