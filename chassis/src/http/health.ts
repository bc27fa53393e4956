import { Type } from 'typebox'
import { TimeoutError, withTimeout } from '../clock/index.ts'
import { createShared } from '../concurrency/index.ts'
import { AppError } from '../errors/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { App, Dependencies } from './app-options.ts'
import { problems } from './problem.ts'

const probeTimeoutMs = 1_000

const Liveness = Type.Object({ status: Type.Literal('live') }, { title: 'Liveness' })
const Readiness = Type.Object(
  { status: Type.Literal('ready'), dependencies: Type.Record(Type.String(), Type.Literal('up')) },
  { title: 'Readiness' },
)
const MetricsText = {
  description: 'Text in the format of Prometheus',
  content: { 'text/plain': { schema: Type.String() } },
}

/** Liveness: the process runs. Readiness: everything that it needs responds. Metrics: Prometheus text. */
export function addHealthRoutes(
  app: App,
  metrics: Metrics,
  { dependencies, isClosing }: { dependencies: Dependencies; isClosing: () => boolean },
): void {
  const tags = ['operation']
  const probeAll = createShared(() =>
    Promise.all(Object.entries(dependencies).map(([name, ping]) => probe(name, ping))),
  )
  const metricsText = createShared(metrics.text, { keepFactor: 20 })
  app.get(
    '/health/live',
    {
      schema: {
        tags,
        scope: 'public',
        operationId: 'getLiveness',
        summary: 'Does the process run?',
        description: 'It responds as long as the process can. Restart a process that does not.',
        response: { 200: Liveness },
      },
    },
    async () => ({ status: 'live' as const }),
  )
  app.get(
    '/health/ready',
    {
      schema: {
        tags,
        scope: 'public',
        operationId: 'getReadiness',
        summary: 'Does everything that is needed respond?',
        description:
          'Probes each dependency. 503 names those that do not respond, or says that the service closes; send requests elsewhere until it is 200.',
        response: { 200: Readiness, ...problems(503) },
      },
    },
    async () => {
      if (isClosing()) throw new AppError('dependency_down', 'The service closes.')
      const states = await probeAll()
      const faults = states.filter(([, fault]) => fault !== undefined)
      if (faults.length > 0)
        throw new AppError('dependency_down', `Not responding: ${faults.map(([name]) => name).join(', ')}.`, {
          errors: Object.fromEntries(faults.map(([name, fault]) => [name, fault ?? ''])),
        })
      return {
        status: 'ready' as const,
        dependencies: Object.fromEntries(states.map(([name]) => [name, 'up' as const])),
      }
    },
  )
  app.get(
    '/metrics',
    {
      schema: {
        tags,
        scope: 'quintet:observe',
        operationId: 'getMetrics',
        summary: 'Metrics of the service',
        description: 'Counters and durations in the text format of Prometheus.',
        response: { 200: MetricsText },
      },
    },
    async (_request, reply) => {
      reply.type(metrics.registry.contentType)
      return metricsText()
    },
  )
}

/** What is wrong with a dependency, in words that may be published; undefined when it responds. */
async function probe(name: string, ping: () => Promise<unknown>): Promise<[string, string | undefined]> {
  try {
    await withTimeout(probeTimeoutMs, ping())
    return [name, undefined]
  } catch (error) {
    if (error instanceof TimeoutError) return [name, 'It did not respond in time.']
    return [name, error instanceof AppError ? error.message : 'It is unavailable.']
  }
}
