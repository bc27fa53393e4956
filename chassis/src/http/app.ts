import { randomBytes } from 'node:crypto'
import underPressure from '@fastify/under-pressure'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { fastify, LogController } from 'fastify'
import type { FastifyHttpOptions } from 'fastify'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { AppError } from '../errors/index.ts'
import { createMetrics, parseTraceparent } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import type { App, AppOptions, Timeouts } from './app-options.ts'
import { trustProxies } from './client-address.ts'
import { createDocumentationRoutes } from './documentation-routes.ts'
import { createFastPathListener } from './fast-path.ts'
import { addHealthRoutes } from './health.ts'
import { acceptJsonOnly } from './json-body.ts'
import { notAcceptable } from './negotiation.ts'
import { respondToClientError, sendProblem } from './problem.ts'
import { malformedRequest } from './request-form.ts'
import { createValidatorCompiler, ownCompilers } from './validation.ts'

/** The times that a client has, in milliseconds. */
const defaultTimeouts: Timeouts = { requestMs: 10_000, idleMs: 72_000, checkIntervalMs: 500 }

const limits = {
  bodyBytesMax: 1_048_576,
  headerBytesMax: 16_384,
  pathParameterLengthMax: 256,
  /** Past this delay of the event loop, new requests are refused while those in flight are finished. */
  eventLoopDelayMaxMs: 1_000,
}

/** The app that every service starts from; a service adds its routes, and hooks that close what it opened. */
export async function createApp(options: AppOptions): Promise<App> {
  const { name, logger, metrics = createMetrics(name) } = options
  const newRequestId = createRequestIds()
  const record = createRecorder(metrics, logger)
  const documentation = createDocumentationRoutes(options)
  const framework = fastify({ ...frameworkOptions(options), genReqId: newRequestId })
  const app: App = Object.assign(framework.withTypeProvider<TypeBoxTypeProvider>(), {
    fastPaths: [],
    describe: documentation.describe,
  })
  trustProxies(app.server, options.trustedProxies ?? 'none')
  const allowedMethods = createAllowedMethods(app, limits.pathParameterLengthMax)

  acceptJsonOnly(app, options.parseJson)
  app.setValidatorCompiler(createValidatorCompiler(options.wrongValueCode ?? 'invalid'))
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, options))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(allowedMethods.errorOf(request), request, reply, options),
  )
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    const isForwarded = options.forwardedRoutes?.has(request.routeOptions.url ?? '') === true
    done(malformedRequest(request.raw) ?? (isForwarded ? undefined : notAcceptable(request)))
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    record(request.raw, request.id, route, reply.statusCode, reply.elapsedTime)
    done()
  })
  const closing = closeConnectionsWhenIdle(app)
  app.addHook('onReady', async () => {
    const parts = { fastPaths: app.fastPaths, newRequestId, record, isClosing: () => closing.begun }
    if (app.fastPaths.length > 0) addFastPathListener(app.server, parts)
  })
  app.addHook('onClose', async () => logger.flush())
  await app.register(underPressure, {
    maxEventLoopDelay: limits.eventLoopDelayMaxMs,
    pressureHandler: () => {
      throw new AppError('overloaded', 'The service is overloaded; try again shortly.')
    },
  })
  await documentation.addTo(app)
  addHealthRoutes(app, metrics, options.dependencies ?? {})
  return app
}

function frameworkOptions(options: AppOptions) {
  const { pino } = options.logger
  const { requestMs, idleMs, checkIntervalMs } = { ...defaultTimeouts, ...options.timeouts }
  return {
    // The framework's own information would stand between the lines that people read.
    loggerInstance: pino.child({}, { level: pino.isLevelEnabled('warn') ? 'warn' : 'silent' }),
    // A logger of its own for each request costs more than a cached response; lines carry the request id instead.
    childLoggerFactory: <L>(parent: L) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      // The framework sets the timeout of the request too late: the server takes that of the head, 60 s by default, for it.
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: checkIntervalMs,
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.pathParameterLengthMax },
    forceCloseConnections: 'idle',
    schemaController: ownCompilers,
    frameworkErrors: (error, request, reply) =>
      sendProblem(error, request, reply.header('x-request-id', request.id), options),
    clientErrorHandler: respondToClientError,
  } satisfies FastifyHttpOptions<Server, Logger['pino']>
}

/** Puts the fast paths in front of the framework's own listener. */
function addFastPathListener(server: Server, parts: Parameters<typeof createFastPathListener>[1]): void {
  const [listener] = server.listeners('request')
  const next: RequestListener = (request, response) => listener?.call(server, request, response)
  server.removeAllListeners('request').on('request', createFastPathListener(next, parts))
}

/** Counts and logs a request that has been responded to. */
function createRecorder(metrics: Metrics, logger: Logger) {
  return (request: IncomingMessage, requestId: string, route: string, status: number, durationMs: number) => {
    const { method = '', url = '', headers } = request
    metrics.observe(method, route, status, durationMs)
    const traceId =
      headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent)?.traceId
    logger.access({ requestId, traceId, method, url: pathOf(url), route, status, durationMs })
  }
}

/** A connection whose last request was in flight when closing began would stay open for its whole idle time. */
function closeConnectionsWhenIdle(app: App): { begun: boolean } {
  const closing = { begun: false }
  let timer: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    closing.begun = true
    timer = setInterval(() => app.server.closeIdleConnections(), 20)
  })
  app.addHook('onClose', async () => clearInterval(timer))
  return closing
}

/** Keeps the client's `X-Request-Id` when it is harmless in headers and logs; else counts from a random start. */
function createRequestIds(): (request: IncomingMessage) => string {
  const start = `${randomBytes(5).toString('hex')}-`
  let count = 0
  return (request) => {
    const given = request.headers['x-request-id']
    if (typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given)) return given
    count += 1
    return start + count.toString(36)
  }
}

/** The query is not logged, since it may hold personal data. */
function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
