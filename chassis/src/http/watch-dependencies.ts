import { withTimeout } from '../clock/index.ts'
import { createFailureLog, Gauge } from '../telemetry/index.ts'
import type { FailureLogger, Metrics } from '../telemetry/index.ts'
import type { App, Dependencies } from './app-options.ts'

const intervalMs = 5_000
const timeoutMs = 2_000

/** Logs and exports whether each dependency responds, whether or not the readiness is requested. */
export function watchDependencies(
  app: App,
  dependencies: Dependencies,
  { logger, metrics, everyMs = intervalMs }: { logger: FailureLogger; metrics: Metrics; everyMs?: number },
): void {
  const up = new Gauge({
    name: 'quintet_dependency_up',
    help: 'Whether what the service needs responds: 1, or 0 where it does not. Absent before the first probe.',
    labelNames: ['dependency'],
    registers: [metrics.registry],
  })
  const probes = Object.entries(dependencies).map(([dependency, ping]) =>
    createProbe(dependency, ping, { logger, exportUp: (isUp) => up.set({ dependency }, isUp ? 1 : 0) }),
  )
  let probing: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    probing = Promise.all(probes.map((probe) => probe()))
  }, everyMs).unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await probing
  })
}

function createProbe(
  name: string,
  ping: () => Promise<unknown>,
  { logger, exportUp }: { logger: FailureLogger; exportUp: (isUp: boolean) => void },
): () => Promise<void> {
  const log = createFailureLog(logger, {
    failing: `the ${name} does not respond, so requests that need it get 503: check that it runs and is reachable, for example by quintet doctor`,
    recovered: `the ${name} responds again`,
  })
  return async () => {
    try {
      await withTimeout(timeoutMs, ping())
      exportUp(true)
      log.succeeded()
    } catch (error) {
      exportUp(false)
      log.failed(error)
    }
  }
}
