import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import underPressure from '@fastify/under-pressure'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { fastify, LogController } from 'fastify'
import type { IncomingMessage, RequestListener } from 'node:http'
import { AppError } from '../errors/index.ts'
import { createMetrics, parseTraceparent } from '../telemetry/index.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import type { App, AppOptions } from './app-options.ts'
import { addDocumentationRoutes } from './documentation-routes.ts'
import { addHealthRoutes } from './health.ts'
import { refuseUnacceptable } from './negotiation.ts'
import { respondToClientError, sendProblem } from './problem.ts'
import { createFastPathListener } from './fast-path.ts'
import { createValidatorCompiler, ownCompilers } from './validation.ts'

const limits = {
  bodyBytesMax: 1_048_576,
  headerBytesMax: 16_384,
  pathParameterLengthMax: 256,
  /** The whole request must have arrived by then. */
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 72_000,
  /** Past this delay of the event loop, new requests are turned away while the ones at work are finished. */
  eventLoopDelayMaxMs: 1_000,
}

/** The app that every service starts from; a service adds its routes, and hooks that close what it opened. */
export async function createApp(options: AppOptions): Promise<App> {
  const { name, logger, metrics = createMetrics(name) } = options
  const newRequestId = createRequestIds()
  const app: App = fastify({
    // What the framework tells of itself would stand between the lines that people read.
    loggerInstance: logger.pino.child({}, { level: logger.pino.isLevelEnabled('warn') ? 'warn' : 'silent' }),
    // A logger of its own for each request costs more than a cached answer; lines carry the request id instead.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newRequestId,
    requestIdHeader: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    http: { maxHeaderSize: limits.headerBytesMax },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.pathParameterLengthMax },
    forceCloseConnections: 'idle',
    schemaController: ownCompilers,
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply, options),
    clientErrorHandler: respondToClientError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  const allowedMethods = createAllowedMethods(app, limits.pathParameterLengthMax)

  takeJsonAlone(app, options.parseJson)
  app.setValidatorCompiler(createValidatorCompiler(options.wrongValueCode ?? 'invalid'))
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, options))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(allowedMethods.refusal(request), request, reply, options),
  )
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    const isForwarded = options.forwardedRoutes?.has(request.routeOptions.url ?? '') === true
    done(isForwarded ? undefined : refuseUnacceptable(request))
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    record(request.raw, request.id, route, reply.statusCode, reply.elapsedTime)
    done()
  })
  const closing = closeConnectionsWhenIdle(app)
  app.addHook('onClose', async () => logger.flush())
  await app.register(underPressure, {
    maxEventLoopDelay: limits.eventLoopDelayMaxMs,
    pressureHandler: () => {
      throw new AppError('overloaded', 'The service has more work than it can do; try again shortly.')
    },
  })
  await addDocumentationRoutes(app, options)
  addHealthRoutes(app, metrics, options.dependencies ?? {})
  if (options.fastPath !== undefined) {
    const [listener] = app.server.listeners('request')
    const next: RequestListener = (request, response) => listener?.call(app.server, request, response)
    const quick = { find: options.fastPath, newRequestId, record, isClosing: () => closing.begun }
    app.server.removeAllListeners('request').on('request', createFastPathListener(next, quick))
  }
  return app

  function record(
    request: IncomingMessage,
    requestId: string,
    route: string,
    status: number,
    durationMs: number,
  ) {
    const { method = '', url = '', headers } = request
    metrics.observe(method, route, status, durationMs)
    const traceId =
      headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent)?.traceId
    logger.access({ requestId, traceId, method, url: pathOf(url), route, status, durationMs })
  }
}

/**
 * What is not declared as JSON is not taken for a text that happens to be of the wrong form. Many clients declare every
 * request as JSON, also a DELETE that has no body.
 */
function takeJsonAlone(app: App, parseJson: AppOptions['parseJson']): void {
  const parsePlainly = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (request.method === 'DELETE' && body.length === 0) done(null, undefined)
    else if (!isUtf8(body)) done(new AppError('malformed', 'The body is not well-formed UTF-8.'))
    else if (parseJson === undefined) parsePlainly(request, body.toString(), done)
    else done(...parsed(parseJson, body.toString()))
  })
}

function parsed(parse: (text: string) => unknown, text: string): [Error | null, unknown?] {
  try {
    return [null, parse(text)]
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))]
  }
}

/** A connection whose last request was in flight when closing began stays open for the next one unless it is told off. */
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

/** Keeps a caller's `X-Request-Id` when it is harmless in headers and logs; else counts on from a random start. */
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

/** The query stays out of the log: it may hold what its sender would not want to read there. */
function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
