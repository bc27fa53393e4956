import type { Clock } from '@quintet/chassis/clock'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { FailureLogger } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import type { History } from '../parts.ts'
import type { ServiceState } from '../wire/index.ts'

type Options = {
  readonly clock: Clock
  readonly logger: FailureLogger
  readonly history: Pick<History, 'addEvent'>
  /** How a service is by its readiness. */
  readonly stateOf: (name: ServiceName) => Promise<{ readonly state: ServiceState }> | undefined
}

/**
 * Reports when the metrics of a service cease to be read, and when they are read again, once each: in the log, and as an event where
 * the service itself is reachable. That it is not is an event of its state.
 */
export function createReport(name: ServiceName, { clock, logger, history, stateOf }: Options) {
  const log = createFailureLog(logger, {
    failing: `the metrics of ${name} cannot be read`,
    recovered: `the metrics of ${name} are read again`,
  })
  let isEvent = false

  async function addEvent(kind: 'unreachable' | 'start', text: string): Promise<void> {
    isEvent = kind === 'unreachable'
    await history.addEvent({ at: clock.now(), kind, service: name, text })
  }

  return async (fault: string | undefined): Promise<void> => {
    if (fault === undefined) {
      log.succeeded()
      if (isEvent) await addEvent('start', `The metrics of ${name} are read again.`)
      return
    }
    log.failed(fault)
    if (isEvent) return
    const found = await stateOf(name)
    if (found?.state === 'up' || found?.state === 'not ready')
      await addEvent('unreachable', `${name} is ${found.state}, but its metrics cannot be read: ${fault}`)
  }
}
