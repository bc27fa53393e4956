import type { Logger } from './logger.ts'

/** Where background work writes its lines. */
export type FailureLogger = Pick<Logger, 'info' | 'warn'>

/** A line when repeated work begins to fail, and one when it succeeds again, however often it fails in between. */
export type FailureLog = {
  failed(error: unknown, details?: object): void
  succeeded(): void
}

/** Work that fails and succeeds in turns has two lines in this time. */
const intervalMs = 60_000
const reasonLengthMax = 500

/**
 * `failing` says what fails and what to do; without `recovered` the work has no better state, and each interval has one line. Nothing
 * is logged without a logger.
 */
export function createFailureLog(
  logger: FailureLogger | undefined,
  texts: { failing: string; recovered?: string; details?: object },
  now: () => number = () => performance.now(),
): FailureLog {
  let isReported = false
  let quietUntil = Number.NEGATIVE_INFINITY
  return {
    failed(error, details) {
      if (isReported || now() < quietUntil) return
      isReported = texts.recovered !== undefined
      quietUntil = now() + intervalMs
      logger?.warn({ ...texts.details, ...details, reason: reasonOf(error) }, texts.failing)
    },
    succeeded() {
      if (isReported) logger?.info({ ...texts.details }, texts.recovered)
      isReported = false
    },
  }
}

/** What the error says, and what its cause adds, in a text of bounded length. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, reasonLengthMax)
  const { message, cause } = error
  const more = cause instanceof Error && cause.message !== message ? ` (${cause.message})` : ''
  return `${message === '' ? error.name : message}${more}`.slice(0, reasonLengthMax)
}
