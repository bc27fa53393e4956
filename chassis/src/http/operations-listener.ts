import { Type } from 'typebox'
import { AppError } from '../errors/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { mergeMetrics, metricsIn, withLabel } from '../workers/index.ts'
import type { Worker } from '../workers/index.ts'
import type { App, Observed } from './app-options.ts'
import { createApp } from './app.ts'
import { Liveness, MetricsText, Readiness, sendMetrics } from './health.ts'
import { addressOf, listen, operations } from './listen.ts'
import { problems } from './problem.ts'
import { addPromises } from './promise-routes.ts'

/**
 * Listens on the port for operations, if there is one, for what operators may see of the apps of this process. `values` are the valid
 * settings of one of its services. Gives what listens, and a line with its address.
 */
export async function listenForOperations(
  apps: readonly Pick<App, 'observed'>[],
  values: Readonly<Record<string, unknown>>,
  { logger, worker }: { logger: Logger; worker: Worker | undefined },
): Promise<{ readonly app: App; readonly url: string; readonly line: string } | undefined> {
  const address = addressOf(operations, values)
  if (address === undefined) return undefined
  const app = await createOperationsApp(
    apps.map(({ observed }) => observed),
    { logger, worker, connectionsMax: Number(values.CONNECTIONS_MAX) },
  )
  try {
    const url = await listen(app, address, { isShared: worker?.hasPrimary ?? false })
    return { app, url, line: `${operations.padEnd(12)} ${url.padEnd(24)} metrics ${url}/metrics\n` }
  } catch (error) {
    await app.close()
    throw error
  }
}

/** Serves the metrics and the health of a process, to whoever reaches its port. */
export async function createOperationsApp(
  services: readonly Observed[],
  { logger, worker, connectionsMax }: { logger: Logger; worker?: Worker | undefined; connectionsMax: number },
): Promise<App> {
  const app = await createApp({
    name: operations,
    title: 'Operations',
    description: 'Metrics and health of the process.',
    hasOnlyAddedRoutes: true,
    logger,
    metrics: metricsIn(worker, operations, { isOfProcess: true }),
    connections: { max: connectionsMax },
  })
  addMetrics(app, services)
  addHealth(app, services)
  addPromises(app, services, { hide })
  return app
}

const OfService = Type.Object({ service: Type.String() })
/** Scrapers and probes add parameters to the query, which only routes of the API refuse. */
const hide = true

/** The samples of each service have its name where there are several; where there is one, whoever scrapes it names it. */
function addMetrics(app: App, services: readonly Observed[]): void {
  const response = { 200: MetricsText }
  const textOf = async ({ name, metrics }: Observed) =>
    services.length > 1 ? withLabel(await metrics.text(), `service="${name}"`) : metrics.text()
  app.get('/metrics', { schema: { hide, response } }, async (request, reply) => {
    const texts = await Promise.all([app.observed.metrics.text(), ...services.map(textOf)])
    return sendMetrics(request, reply, mergeMetrics(texts))
  })
  app.get('/metrics/:service', { schema: { hide, params: OfService, response } }, async (request, reply) => {
    const service = serviceNamed(services, request.params.service)
    // So that what is of the process is scraped once, where services are scraped one by one.
    const observed = service === services.at(-1) ? [app.observed, service] : [service]
    const texts = await Promise.all(observed.map(({ metrics }) => metrics.text()))
    return sendMetrics(request, reply, mergeMetrics(texts))
  })
}

function addHealth(app: App, services: readonly Observed[]): void {
  app.get('/health/live', { schema: { hide, response: { 200: Liveness } } }, async () => ({
    status: 'live' as const,
  }))
  app.get('/health/ready', { schema: { hide, response: { 200: Readiness, ...problems(503) } } }, async () => {
    const states = await Promise.all(services.map(({ readiness }) => readiness()))
    const names = services.filter((_, i) => states[i]?.status !== 'ready').map(({ name }) => name)
    if (names.length > 0) throw new AppError('dependency_down', `Not ready: ${names.join(', ')}.`)
    return { status: 'ready' as const }
  })
  app.get('/health', { schema: { hide } }, async () => {
    const states = await Promise.all(
      services.map(async ({ name, health }) => [name, await health()] as const),
    )
    const isGood = states.every(([, { status }]) => status === 'ready' || status === 'ok')
    return { status: isGood ? 'ok' : 'degraded', services: Object.fromEntries(states) }
  })
  app.get('/health/:service', { schema: { hide, params: OfService } }, async (request) =>
    serviceNamed(services, request.params.service).health(),
  )
}

function serviceNamed(services: readonly Observed[], name: string): Observed {
  const found = services.find((service) => service.name === name)
  if (found === undefined)
    throw new AppError('not_found', `The service ${name} does not run in this process.`)
  return found
}
