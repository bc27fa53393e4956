import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { fastify } from 'fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestListener, Server } from 'node:http'
import { systemClock } from '../clock/index.ts'
import {
  createAddressRefusal,
  createVersions,
  isTrustedPeer,
  openLimits,
  peerAddressOf,
} from '../guard/index.ts'
import type { Guard } from '../guard/index.ts'
import { createMetrics } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import { openAuditLog } from '../audit/index.ts'
import { openAccess } from './access.ts'
import type { Access } from './access.ts'
import { auditRefusals, auditWrites } from './audit.ts'
import { createAdmission } from './admission.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import { eventLoopDelayed, exportActiveRequests, exportShedRequests } from './app-metrics.ts'
import type { App, AppOptions, Timeouts } from './app-options.ts'
import { bodyBytesMax } from './body-limit.ts'
import { createClientErrorHandler, respondToOddRequests } from './client-errors.ts'
import type { ClientErrorHandler } from './client-errors.ts'
import { onHttpConnection } from './connections/bounded-connection.ts'
import { createClosing } from './connections/closing.ts'
import { isEndless } from './connections/exchanges.ts'
import { closeUnlessRead, createLingeringClose } from './connections/lingering-close.ts'
import { oneAtATime } from './connections/pipelining.ts'
import { createDocumentationRoutes } from './documentation/routes.ts'
import { createEventLoopDelay } from './event-loop-delay.ts'
import { createFastPathListener } from './fast-path.ts'
import { prefixReferences } from './forwarded-prefix.ts'
import { frameworkOptions, pathParameterLengthMax } from './framework-options.ts'
import { addPrincipal, closedInstead, guarded, respondInstead } from './guarded.ts'
import { addHealthRoutes, createObserved } from './health.ts'
import { acceptJsonOnly } from './json-body.ts'
import { boundLargeLists } from './large-lists.ts'
import { applyConditions, isConditional } from './preconditions.ts'
import { sendProblem } from './problem.ts'
import { addPromiseRoutes } from './promise-routes.ts'
import { protect } from './protect.ts'
import { addProtectedResource } from './protected-resource.ts'
import { createRecorder, noRequest } from './recorder.ts'
import { formRefusal, mayLoseNextRequest } from './request-form.ts'
import { createRequestIds } from './request-ids.ts'
import { createRequestTraces, spanOf } from './request-trace.ts'
import { checkResponses } from './response-check.ts'
import { openServer } from './server.ts'
import { refuseUnknownMethods } from './unknown-methods.ts'
import { createValidatorCompiler } from './validation.ts'
import { watchDependencies } from './watch-dependencies.ts'

/** Timeouts of connections and requests, in milliseconds. */
const defaultTimeouts: Timeouts = {
  requestMs: 10_000,
  idleMs: 72_000,
  stallMs: 60_000,
  lingerMs: 5_000,
  lastRequestMs: 3_000,
  listMs: 6_000,
  checkIntervalMs: 500,
}

/** Past this delay of the event loop, new requests are refused while those in flight are finished. */
const eventLoopDelayMaxMs = 1_000

/** The app that every service starts from; a service adds its routes, and hooks that close what it opened. */
export async function createApp(options: AppOptions): Promise<App> {
  const { name, logger, metrics = createMetrics(), clock = systemClock } = options
  const isOfOperations = options.hasOnlyAddedRoutes === true
  const problemOptions = isOfOperations ? options : { ...options, countShed: exportShedRequests(metrics) }
  const parts = { name, clock, logger, metrics }
  const refuseAddress = createAddressRefusal(options.guardParts?.addresses, parts)
  const audit = await openAuditLog(options.guard ?? {}, parts)
  const requestIdOf = createRequestIds()
  const traces = options.tracer && createRequestTraces(options.tracer, requestIdOf)
  const record = createRecorder(metrics, logger, { traces, refused: audit && auditRefusals(audit) })
  const documentation = createDocumentationRoutes(options)
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const linger = createLingeringClose(timeouts.lingerMs)
  const opened = openServer(options, { timeouts, logger, metrics })
  const clientErrorsWith = createClientErrors({
    ...{ linger, requestIdOf, record },
    // A proxy sends what it gets from others.
    isDenied: (socket) =>
      !isTrustedPeer(framework.server, socket) && refuseAddress?.(peerAddressOf({ socket })) === 'close',
    detailAlias: options.detailAlias,
  })
  const clientErrors = clientErrorsWith(opened.constantFields.text)
  const versions = options.versions && createVersions(options.versions, clock)
  const framework = fastify({
    ...frameworkOptions(options, timeouts, versions),
    ...opened.framework,
    genReqId: requestIdOf,
    frameworkErrors(error, request, reply) {
      observe(request, reply, request.routeOptions.url)
      if (closedInstead(reply)) return
      const refusal = formRefusal(request.raw)
      const fail = (refused: unknown) => sendProblem(refused, request, reply, problemOptions)
      if (refusal !== undefined || !respondInstead(reply, fail)) fail(refusal ?? error)
    },
    clientErrorHandler: clientErrors.onClientError,
  })
  const http2 = opened.http2()
  const closing = createClosing(framework.server, { linger, lastRequestMs: timeouts.lastRequestMs, http2 })
  if (!isOfOperations)
    exportActiveRequests(metrics, { isSecure: options.tls !== undefined, requests: closing.requests })
  const rateLimits = await openLimits(options.guard ?? {}, { ...parts, isEdge: options.guardParts?.isEdge })
  const redirect = opened.redirect({ linger, clientErrorsWith, requestIdOf, record, refuseAddress })
  const app: App = Object.assign(framework.withTypeProvider<TypeBoxTypeProvider>(), {
    fastPaths: [],
    redirect,
    limits: rateLimits,
    describe: documentation.describe,
    beginClosing: closing.begin,
    audit,
    observed: createObserved(options, { metrics, isClosing: closing.hasBegun }),
  })
  const admitStream = protect(app.server, options)
  http2?.bindTo(admitStream)
  const { guard, ...access } = await openAccess(app, options, {
    ...{ ...parts, versions, refuseAddress },
    limits: rateLimits,
  })
  addPrincipal(app)
  const allowedMethods = createAllowedMethods(app, pathParameterLengthMax)
  configure(app, problemOptions, allowedMethods)
  const admit = createAdmission(problemOptions, { access, allowedMethods })
  app.addHook('onRequest', (request, reply, done) => {
    // Read once, since the framework makes an object of all options of the route each time.
    const { url: route, schema } = request.routeOptions
    observe(request, reply, route)
    if (closedInstead(reply)) return
    const span = traces?.begin(request.raw, route)
    if (span === undefined) admit(request, reply, done, route, schema)
    else span.run(() => admit(request, reply, done, route, schema))
  })
  if (traces !== undefined) enterSpansAgain(app)
  if (options.checkResponses === true) checkResponses(app)
  if (audit !== undefined) auditWrites(app, audit)
  completeResponses(app)
  app.addHook('preClose', async () => {
    closing.begin()
    await Promise.all([closing.endConnections(), redirect?.close(), app.observed.promises.stop()])
  })
  app.addHook('onClose', async () => {
    closing.stop()
    opened.close()
    await guard?.close()
    await audit?.close()
  })
  app.addHook('onReady', async () => {
    const { fastPaths, server } = app
    addFrontListener(server, guard, {
      fastPaths,
      requestIdOf,
      record,
      isClosing: closing.hasBegun,
      isRefused: access.isRefused,
      traces,
      detailAlias: options.detailAlias,
    })
    onHttpConnection(server, (socket) => Object.assign(socket, { destroySoon: () => linger.close(socket) }))
    respondToOddRequests(server, clientErrors.onConnect)
  })
  app.addHook('onClose', async () => logger.flush())
  shedLoad(app)
  boundLargeLists(app, timeouts.listMs)
  if (!isOfOperations) await addOwnRoutes(app, options, { access, documentation, metrics })
  return app

  /** Gives a request its id, and records it when it is over. One without a response was aborted by its client. */
  function observe(request: FastifyRequest, reply: FastifyReply, route: string | undefined): void {
    const { raw } = reply
    reply.header('x-request-id', request.id)
    raw.on('close', () => {
      const status = raw.headersSent || raw.statusCode >= 400 ? raw.statusCode : 499
      record(request.raw, request.id, route, status, reply.elapsedTime, isEndless(raw))
    })
  }
}

/** What reads a body calls back outside of the span that the request is recorded by, so that it is entered again. */
function enterSpansAgain(app: App): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const span = spanOf(request.raw)
    if (span === undefined) done()
    else span.run(done)
  })
}

/** Adds the documentation, the health and the metrics of the app. */
async function addOwnRoutes(
  app: App,
  { title, dependencies = {}, logger, wrongValueCode }: AppOptions,
  parts: {
    access: Omit<Access, 'guard'>
    documentation: ReturnType<typeof createDocumentationRoutes>
    metrics: Metrics
  },
): Promise<void> {
  const { access, documentation, metrics } = parts
  await documentation.addTo(app, access.authentication)
  addProtectedResource(app, title, access)
  addHealthRoutes(app, access.mayObserve)
  addPromiseRoutes(app, wrongValueCode)
  watchDependencies(app, dependencies, { logger, metrics })
}

/** How bodies are read and checked, and what errors become. */
function configure(
  app: App,
  options: AppOptions & Parameters<typeof sendProblem>[3],
  allowedMethods: ReturnType<typeof createAllowedMethods>,
): void {
  acceptJsonOnly(app, options.parseJson)
  app.setValidatorCompiler(createValidatorCompiler(options.wrongValueCode ?? 'invalid'))
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, options))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(allowedMethods.errorOf(request), request, reply, options),
  )
}

/** What responds to bytes that are not a request, on servers whose responses have these lines. */
function createClientErrors({
  record,
  ...parts
}: Omit<Parameters<typeof createClientErrorHandler>[0], 'record' | 'securityText'> & {
  record: ReturnType<typeof createRecorder>
}): (securityText: string) => ClientErrorHandler {
  return (securityText) =>
    createClientErrorHandler({
      ...parts,
      record: (requestId, status, request) => record(request ?? noRequest(), requestId, undefined, status, 0),
      securityText,
    })
}

/** Adds the prefix to references in responses, and applies the conditions of their requests. */
function completeResponses(app: App): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    try {
      prefixReferences(request, reply)
      if (isConditional(request)) done(null, applyConditions(request, reply, payload))
      else done()
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

/** Refuses requests while the event loop is delayed. */
function shedLoad(app: App): void {
  const eventLoop = createEventLoopDelay()
  app.addHook('onRequest', (_request, _reply, done) => {
    if (eventLoop.delayMs() <= eventLoopDelayMaxMs) done()
    else done(eventLoopDelayed)
  })
  app.addHook('onClose', async () => eventLoop.stop())
}

/** Puts the guard, and behind it the fast paths, in front of the framework's own listener. */
function addFrontListener(
  server: Server,
  guard: Guard | undefined,
  parts: Parameters<typeof createFastPathListener>[1] &
    Omit<Parameters<typeof refuseUnknownMethods>[1], 'server'> & { isClosing: () => boolean },
): void {
  const [listener] = server.listeners('request')
  const framework = refuseUnknownMethods(
    (request, response) => {
      closeUnlessRead(request, response, bodyBytesMax, parts.isClosing)
      listener?.call(server, request, response)
    },
    { ...parts, server },
  )
  const admit = guarded(guard, {
    next: createFastPathListener(framework, parts),
    refuse: framework,
    onGone: (request, durationMs) =>
      parts.record(request, parts.requestIdOf(request), undefined, 499, durationMs),
  })
  const begin: RequestListener = (request, response) => {
    if (parts.isClosing() || mayLoseNextRequest(request)) response.shouldKeepAlive = false
    admit(request, response)
  }
  server.removeAllListeners('request').on('request', oneAtATime(begin))
}
