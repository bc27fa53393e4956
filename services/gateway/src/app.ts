import type { Clock } from '@quintet/chassis/clock'
import { durationClockOf, systemClock } from '@quintet/chassis/clock'
import { tlsFilesOf, tlsOf } from '@quintet/chassis/config'
import type { App, GuardParts, TlsOptions } from '@quintet/chassis/http'
import { closeWithApp, createApp } from '@quintet/chassis/http'
import { readSharedKey, restrictFolder } from '@quintet/chassis/files'
import { refuseLaterTables, storesPublicationKeys } from '@quintet/chassis/queue'
import { parseExactJson } from '@quintet/chassis/json'
import type { Logger, Metrics, Telemetry } from '@quintet/chassis/telemetry'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { orderIdKeyFile } from '@quintet/contracts'
import { systemDescription, urlSetting, topology as services } from '@quintet/contracts/topology'
import { urlsOf } from './address-list.ts'
import type { Resolve } from './addresses.ts'
import { createApiDocument } from './api-document.ts'
import { createCapacity } from './capacity.ts'
import type { CapacityOptions } from './capacity.ts'
import type { GatewayConfig } from './config.ts'
import type { Repeat } from './endpoints.ts'
import { createForwarder } from './forward.ts'
import { openLazyQueue, openOrderQueue } from './lazy-queue.ts'
import { limitOwnRoutes } from './own-routes.ts'
import { postOrderRoute } from './post-order.ts'
import { createPostedOrders, postedOrdersPromise } from './posted-orders.ts'
import { forwardingRoutes, healthRoute } from './routes.ts'
import type { Destination, Service } from './topology.ts'
import { routesOf, topology as wholeTopology } from './topology.ts'
import { upstreamFiles } from './tls-settings.ts'
import { createUpstream } from './upstream.ts'
import type { UpstreamOptions } from './upstream.ts'
import { createUpstreamMetrics } from './upstream-metrics.ts'
import { followUpstreamTls } from './upstream-tls.ts'

export type GatewayDependencies = {
  readonly clock?: Clock
  readonly logger?: Logger
  /** Whether a response of its own that its route does not describe becomes a 500; false by default. */
  readonly checkResponses?: boolean
  readonly metrics?: Metrics
  /** What the process records; undefined for nothing. */
  readonly telemetry?: Telemetry | undefined
  readonly topology?: readonly Service[]
  readonly guardParts?: GuardParts
  /** Finds the addresses of the services' host names. */
  readonly resolve?: Resolve | undefined
  /** Other timers than Node's, for what is done to several addresses at an interval. */
  readonly repeat?: Repeat | undefined
}

/** The gateway: one address for all services. */
export async function createGatewayApp(
  config: GatewayConfig,
  dependencies: GatewayDependencies = {},
): Promise<App> {
  const { clock = systemClock, topology = wholeTopology, guardParts, resolve, repeat } = dependencies
  // Were the clock of the machine set, durations by it would cut requests off, or keep a circuit or a queue closed.
  const durations = durationClockOf(clock)
  const { checkResponses = config.CHECK_RESPONSES === 'on' } = dependencies
  const { telemetry } = dependencies
  const { logger = createLogger({ service: 'gateway', level: config.LOG_LEVEL, keep: telemetry?.line }) } =
    dependencies
  const { metrics = createMetrics() } = dependencies
  restrictFolder(config.DATA_DIR)
  await refuseLaterTables(config.QUEUE_URL)
  await using opened = new AsyncDisposableStack()
  const upstreamTls = followUpstreamTls(tlsFilesOf(config, upstreamFiles), logger)
  opened.defer(async () => upstreamTls.close())
  const destinations = createDestinations(config, topology, {
    clock: durations,
    tls: upstreamTls,
    logger,
    metrics,
    resolve,
    repeat,
  })
  opened.defer(async () => {
    for (const { upstream } of destinations) upstream.close()
  })
  const queue = openLazyQueue({
    open: () => openOrderQueue(config.QUEUE_URL, clock, metrics),
    clock: durations,
  })
  opened.defer(queue.close)
  const posted = createPostedOrders()
  const app = await createApp({
    name: 'gateway',
    bodyBytesMax: services.gateway.bodyBytesMax,
    scopes: services.gateway.scopes,
    title: 'Quintet',
    description: systemDescription(),
    logger,
    metrics,
    tracer: telemetry?.tracer('gateway', metrics),
    detailAlias: 'message',
    checkResponses,
    trustedProxies: config.TRUSTED_PROXIES,
    versions: {
      list: config.API_VERSIONS,
      paths: topology.flatMap(({ paths }) => Object.keys(paths)).filter((path) => /^\/v[1-9]/.test(path)),
    },
    tls: tlsOptionsOf(config),
    guard: config,
    guardParts: {
      serviceOf: serviceOfPath(topology),
      isEdge: true,
      addresses: addressesOf(config),
      ...guardParts,
    },
    clock,
    connections: { max: config.CONNECTIONS_MAX, clientSharePercent: config.GATEWAY_CLIENT_SHARE_PERCENT },
    dependencies: { queue: queue.ping },
    promises: [
      postedOrdersPromise({ posted, billing: destinations.find(({ name }) => name === 'billing')?.upstream }),
    ],
    promiseCheckSeconds: config.PROMISE_CHECK_SECONDS,
    parseJson: parseExactJson,
    forwardedRoutes: new Set(topology.flatMap(({ paths }) => Object.keys(paths).flatMap(routesOf))),
    openapi: createApiDocument(destinations, durations),
    relatedPages: destinations.flatMap(({ name, upstream: { urls } }) =>
      urls.slice(0, 1).map((url) => ({ name, url: new URL('/docs/', url).href })),
    ),
  })
  closeWithApp(app, opened)
  limitOwnRoutes(app, createCapacity({ service: 'gateway', ...limitsOf(config) }))
  healthRoute(app, destinations, queue)
  const forwarder = createForwarder({
    clock: durations,
    dates: clock,
    smallBodyBytesMax: config.GATEWAY_SMALL_BODY_BYTES_MAX,
    bodiesReadMax: config.GATEWAY_BODIES_READ_MAX,
    exchangeTimeoutMs: config.GATEWAY_EXCHANGE_TIMEOUT_MS,
  })
  app.addHook('preClose', async () => forwarder.endStreams())
  app.addHook('onClose', async () => forwarder.close())
  forwardingRoutes(app, destinations, forwarder)
  postOrderRoute(app, {
    queue,
    clock,
    posted,
    waitingMax: config.GATEWAY_ORDERS_WAITING_MAX,
    idKey: storesPublicationKeys(config.QUEUE_URL)
      ? undefined
      : readSharedKey(config.ORDER_ID_KEY, orderIdKeyFile(config), logger),
  })
  return app
}

function tlsOptionsOf(config: GatewayConfig): TlsOptions | undefined {
  const { GATEWAY_HSTS: hsts, GATEWAY_HTTP2: http2, GATEWAY_HTTP_PORT: redirectPort } = config
  const tls = tlsOf(config, 'GATEWAY_')
  return (
    tls && {
      ...tls,
      http2: http2 === 'on',
      hsts: hsts === 'off' ? '' : hsts,
      redirectPort: redirectPort === '' ? undefined : redirectPort,
    }
  )
}

function addressesOf(config: GatewayConfig): Required<GuardParts>['addresses'] {
  return {
    allow: { setting: 'GATEWAY_ALLOW', list: config.GATEWAY_ALLOW },
    deny: { setting: 'GATEWAY_DENY', list: config.GATEWAY_DENY },
    action: config.GATEWAY_DENY_ACTION,
  }
}

/** Gives the service that a path is forwarded to. */
function serviceOfPath(topology: readonly Service[]): (path: string) => string {
  // Made once, since this is called for each request.
  const prefixes = topology.flatMap(({ name, paths }) =>
    Object.keys(paths).map((own) => ({ name, own, below: `${own}/` })),
  )
  return (path) =>
    prefixes.find(({ own, below }) => path === own || path.startsWith(below))?.name ?? 'gateway'
}

/** The limits of each service, and of the routes of the gateway itself. */
function limitsOf(config: GatewayConfig): Omit<CapacityOptions, 'service'> {
  return {
    inFlightMax: config.GATEWAY_IN_FLIGHT_MAX,
    clientSharePercent: config.GATEWAY_CLIENT_SHARE_PERCENT,
    slowMax: config.GATEWAY_SLOW_MAX,
    streamsMax: config.GATEWAY_STREAMS_MAX,
  }
}

function createDestinations(
  config: GatewayConfig,
  topology: readonly Service[],
  parts: Pick<UpstreamOptions, 'clock' | 'logger' | 'resolve' | 'repeat' | 'tls'> & { metrics: Metrics },
): Destination[] {
  const shared = {
    timeoutMs: config.GATEWAY_TIMEOUT_MS,
    ...limitsOf(config),
    streamIdleMs: config.GATEWAY_STREAM_IDLE_MS,
    circuitFaultsMax: config.GATEWAY_CIRCUIT_FAULTS_MAX,
    circuitFaultPercent: config.GATEWAY_CIRCUIT_FAULT_PERCENT,
    circuitOpenMs: config.GATEWAY_CIRCUIT_OPEN_MS,
    retryPercent: config.GATEWAY_RETRY_PERCENT,
    ...parts,
    metrics: createUpstreamMetrics(parts.metrics),
  }
  return topology.map((service) => ({
    ...service,
    upstream: createUpstream({
      ...shared,
      service: service.name,
      urls: urlsOf(config[urlSetting(service.name)]),
    }),
  }))
}
