import { setTimeout as pause } from 'node:timers/promises'
import { reconnectBackoffMs } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { FailureLog } from '../telemetry/index.ts'
import { HandlingStopped } from './port.ts'

/**
 * Repeats the work of a message while what it needs is unavailable, which is no fault of the message that should make it a
 * dead letter. It must be safe to repeat. `stopping` ends the wait, with `HandlingStopped`.
 */
export async function untilAvailable(
  work: () => Promise<void>,
  { stopping, log }: { stopping: AbortSignal; log: FailureLog },
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work()
      log.succeeded()
      return
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 503) throw error
      if (stopping.aborted) throw new HandlingStopped('What is needed was not available.', { cause: error })
      log.failed(error)
      await pause(reconnectBackoffMs(attempt), undefined, { signal: stopping }).catch(() => {})
    }
  }
}
