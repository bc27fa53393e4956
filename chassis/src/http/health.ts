import { setTimeout as after } from 'node:timers/promises'
import { Type } from 'typebox'
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

/** Liveness says that the process runs; readiness that everything it needs answers; metrics are Prometheus text. */
export function addHealthRoutes(app: App, metrics: Metrics, dependencies: Dependencies): void {
  const tags = ['operation']
  app.get(
    '/health/live',
    {
      schema: {
        tags,
        operationId: 'getLiveness',
        summary: 'Does the process run?',
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
        operationId: 'getReadiness',
        summary: 'Does everything that is needed answer?',
        response: { 200: Readiness, ...problems(503) },
      },
    },
    async () => {
      const states = await Promise.all(Object.entries(dependencies).map(probe))
      const faults = states.filter(([, fault]) => fault !== undefined)
      if (faults.length > 0)
        throw new AppError('dependency_down', `Not answering: ${faults.map(([name]) => name).join(', ')}.`, {
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
      schema: { tags, operationId: 'getMetrics', summary: 'What is counted', response: { 200: MetricsText } },
    },
    async (_request, reply) => {
      reply.type(metrics.registry.contentType)
      return metrics.text()
    },
  )
}

/** What is wrong with a dependency, in words that are fit for everybody; nothing when it answers. */
async function probe([name, ask]: [string, () => Promise<unknown>]): Promise<[string, string | undefined]> {
  const given = new AbortController()
  try {
    const late = after(probeTimeoutMs, undefined, { signal: given.signal, ref: false }).then(() => {
      throw new AppError('dependency_down', 'There was no answer in time.')
    })
    await Promise.race([ask(), late])
    return [name, undefined]
  } catch (error) {
    return [name, error instanceof AppError ? error.message : 'It cannot be used.']
  } finally {
    given.abort()
  }
}
