import type { AuditLog } from '../audit/index.ts'
import { createFailureLog, parseTraceparent } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import type { Delivery } from './port.ts'
import { untilAvailable } from './until-available.ts'

/** Any program may set ids and headers. */
const lengthMax = 256

/**
 * Gives what handles a message with a line of the audit log before its effect and one after it, with the id of the request that has
 * published it. While a line that is required cannot be written the message waits; `stopping` ends the wait.
 */
export function createMessageAudit(
  audit: AuditLog | undefined,
  { queue, logger, stopping }: { queue: string; logger: FailureLogger; stopping: AbortSignal },
): (delivery: Delivery, handle: () => Promise<void>) => Promise<void> {
  if (audit === undefined) return (_delivery, handle) => handle()
  const log = createFailureLog(logger, {
    details: { queue },
    failing: 'messages wait, because the audit log cannot be written: check AUDIT_LOG',
    recovered: 'messages are handled again',
  })

  return async ({ id, headers, attempt }, handle) => {
    const entry = {
      exchange: audit.nextExchange(),
      queue,
      message: id.slice(0, lengthMax),
      attempt,
      request: headers?.['x-request-id']?.slice(0, lengthMax) ?? null,
      trace: parseTraceparent(headers?.traceparent)?.traceId ?? null,
    }
    const outcome = async (result: 'done' | 'failed') => {
      const written = audit.record({ kind: 'outcome', ...entry, result })
      if (audit.isRequired) await written
    }
    const intend = () => audit.intend({ kind: 'intent', ...entry })
    if (audit.isRequired) await untilAvailable(intend, { stopping, log })
    else void intend()
    await handle().catch(async (error: unknown) => {
      await outcome('failed')
      throw error
    })
    await outcome('done')
  }
}
