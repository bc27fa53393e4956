import { withTimeout } from '../clock/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import type { App, Dependencies } from './app-options.ts'

const intervalMs = 5_000
const timeoutMs = 2_000

/** Logs when a dependency ceases to respond, and when it responds again, whether or not the readiness is requested. */
export function watchDependencies(
  app: App,
  dependencies: Dependencies,
  logger: FailureLogger,
  everyMs = intervalMs,
): void {
  const probes = Object.entries(dependencies).map(([name, ping]) => createProbe(name, ping, logger))
  let probing: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    probing = Promise.all(probes.map((probe) => probe()))
  }, everyMs).unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await probing
  })
}

function createProbe(name: string, ping: () => Promise<unknown>, logger: FailureLogger): () => Promise<void> {
  const log = createFailureLog(logger, {
    failing: `the ${name} does not respond, so requests that need it get 503: check that it runs and is reachable, for example by quintet doctor`,
    recovered: `the ${name} responds again`,
  })
  return async () => {
    try {
      await withTimeout(timeoutMs, ping())
      log.succeeded()
    } catch (error) {
      log.failed(error)
    }
  }
}
