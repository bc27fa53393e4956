import type { Clock } from '@quintet/chassis/clock'
import { systemClock } from '@quintet/chassis/clock'
import type { App } from '@quintet/chassis/http'
import { createApp } from '@quintet/chassis/http'
import { openQueue } from '@quintet/chassis/queue'
import type { Logger, Metrics } from '@quintet/chassis/telemetry'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { createApiDocument } from './api-document.ts'
import type { GatewayConfig } from './config.ts'
import { openLazily } from './lazy-queue.ts'
import { postOrderRoute } from './post-order.ts'
import { forwardingRoutes, healthRoute } from './routes.ts'
import type { Service } from './topology.ts'
import { routesOf, topology as wholeTopology } from './topology.ts'
import { createUpstream } from './upstream.ts'
import { createUpstreamMetrics } from './upstream-metrics.ts'

export type GatewayDependencies = {
  readonly clock?: Clock
  readonly logger?: Logger
  readonly metrics?: Metrics
  readonly topology?: readonly Service[]
}

/** The gateway: one address for all services, whose answers it passes on as they are. */
export async function createGatewayApp(
  config: GatewayConfig,
  dependencies: GatewayDependencies = {},
): Promise<App> {
  const { clock = systemClock, topology = wholeTopology } = dependencies
  const { logger = createLogger({ service: 'gateway', level: config.LOG_LEVEL }) } = dependencies
  const { metrics = createMetrics('gateway') } = dependencies
  const upstreams = createUpstreams(config, topology, { clock, logger, metrics })
  const document = createApiDocument({ topology, upstreams, clock })
  const app = await createApp({
    name: 'gateway',
    title: 'Quintet',
    description:
      'A GUID registry, a brokerage, a certificate store, a movie inventory and billing behind one gateway.',
    logger,
    metrics,
    detailAlias: 'message',
    forwardedRoutes: new Set(topology.flatMap(({ paths }) => Object.keys(paths).flatMap(routesOf))),
    openapi: document,
  })
  const queue = openLazily({ open: () => openQueue(config.QUEUE_URL, { clock }), clock, logger })
  app.addHook('onClose', async () => {
    await queue.close()
    for (const upstream of upstreams.values()) upstream.close()
  })
  healthRoute(app, topology, upstreams)
  forwardingRoutes(app, topology, upstreams)
  postOrderRoute(app, { queue, waitingMax: config.GATEWAY_ORDERS_WAITING_MAX })
  return app
}

function createUpstreams(
  config: GatewayConfig,
  topology: readonly Service[],
  { clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Metrics },
) {
  const shared = {
    timeoutMs: config.GATEWAY_TIMEOUT_MS,
    inFlightMax: config.GATEWAY_IN_FLIGHT_MAX,
    circuitFaultsMax: config.GATEWAY_CIRCUIT_FAULTS_MAX,
    circuitOpenMs: config.GATEWAY_CIRCUIT_OPEN_MS,
    retryPercent: config.GATEWAY_RETRY_PERCENT,
    clock,
    logger,
    metrics: createUpstreamMetrics(metrics),
  }
  const deployed = topology.filter(({ isDeployed }) => isDeployed)
  return new Map(
    deployed.map(
      ({ name, url }) =>
        [name, createUpstream({ ...shared, service: name, url: new URL(config[url]) })] as const,
    ),
  )
}
