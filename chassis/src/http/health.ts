import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { systemClock, TimeoutError, withTimeout } from '../clock/index.ts'
import { createShared } from '../concurrency/index.ts'
import { AppError } from '../errors/index.ts'
import { createPromiseChecks } from '../promises/index.ts'
import { metricsFormats, openMetricsOf, prometheusOf } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { App, AppOptions, Observed } from './app-options.ts'
import { qualityOf } from './negotiation.ts'
import { problems } from './problem.ts'

const probeTimeoutMs = 1_000

export const Liveness = Type.Object({ status: Type.Literal('live') }, { title: 'Liveness' })
export const Readiness = Type.Object(
  {
    status: Type.Literal('ready'),
    dependencies: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'What the service needs, for those who may see it.',
      }),
    ),
  },
  { title: 'Readiness' },
)
export const MetricsText = {
  description: 'Text in the format of Prometheus, or of OpenMetrics for a client that prefers that',
  content: {
    'text/plain': { schema: Type.String() },
    'application/openmetrics-text': { schema: Type.String() },
  },
}

/** Responds with metrics in the format that the client prefers. */
export function sendMetrics({ headers }: FastifyRequest, reply: FastifyReply, text: string): string {
  const { prometheus, openMetrics } = metricsFormats
  const { accept = '' } = headers
  const isOpen = accept !== '' && qualityOf(accept, openMetrics) > qualityOf(accept, prometheus)
  reply.type(isOpen ? openMetrics : prometheus)
  return isOpen ? openMetricsOf(text) : prometheusOf(text)
}

/** What operators may see of an app. */
export function createObserved(
  options: AppOptions,
  { metrics, isClosing }: { metrics: Metrics; isClosing: () => boolean },
): Observed {
  const { name, dependencies = {}, guard = {}, promises = [] } = options
  const { logger, clock = systemClock, promiseCheckSeconds = 0 } = options
  const probeAll = createShared(() =>
    Promise.all(Object.entries(dependencies).map(([name, ping]) => probe(name, ping))),
  )
  const readiness: Observed['readiness'] = async () => {
    if (isClosing()) return { status: 'closing' }
    const states = await probeAll()
    const faults = states.filter(([, fault]) => fault !== undefined)
    const dependencies = Object.fromEntries(states.map(([name, fault]) => [name, fault ?? 'up']))
    return { status: faults.length === 0 ? 'ready' : 'not ready', dependencies }
  }
  return {
    name,
    metrics: { ...metrics, text: createShared(metrics.text, { keepFactor: 20 }) },
    readiness,
    health: readiness,
    promises: createPromiseChecks(promises, {
      ...{ service: name, metrics, logger, clock },
      everyMs: promiseCheckSeconds * 1_000,
    }),
    isElsewhere: (guard.OPERATIONS_PORT ?? '') !== '',
  }
}

/**
 * Liveness: the process runs. Readiness: everything that it needs responds, with what that is for those who `mayObserve`. Metrics:
 * Prometheus text. The details and the metrics are not here where there is a listener for operations.
 */
export function addHealthRoutes(app: App, mayObserve: (request: FastifyRequest) => boolean): void {
  const tags = ['operation']
  const { readiness, metrics, isElsewhere } = app.observed
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
          'Probes each dependency. 503 says that one does not respond, and which for those who may see it, or that the service closes; send requests elsewhere until it is 200.',
        response: { 200: Readiness, ...problems(503) },
      },
    },
    async (request) => {
      const state = await readiness()
      const { status, dependencies } = !isElsewhere && mayObserve(request) ? state : { status: state.status }
      if (status === 'closing') throw new AppError('dependency_down', 'The service closes.')
      if (status === 'ready') return { status, ...(dependencies && { dependencies }) }
      throw notReady(dependencies)
    },
  )
  if (isElsewhere) return
  app.get(
    '/metrics',
    {
      schema: {
        tags,
        scope: 'quintet:observe',
        operationId: 'getMetrics',
        summary: 'Metrics of the service',
        description: 'Counters and durations in the text format of Prometheus, or in that of OpenMetrics.',
        response: { 200: MetricsText },
      },
    },
    async (request, reply) => sendMetrics(request, reply, await metrics.text()),
  )
}

/** The dependencies are not named where the client may not see them. */
function notReady(dependencies: Readonly<Record<string, string>> = {}): AppError {
  const errors = Object.fromEntries(Object.entries(dependencies).filter(([, state]) => state !== 'up'))
  const names = Object.keys(errors)
  return names.length === 0
    ? new AppError('dependency_down', 'Something that the service needs does not respond.')
    : new AppError('dependency_down', `Not responding: ${names.join(', ')}.`, { errors })
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
