import { LogController } from 'fastify'
import type { FastifyHttpOptions } from 'fastify'
import type { IncomingMessage, Server } from 'node:http'
import type { Versions } from '../guard/index.ts'
import type { Logger } from '../telemetry/index.ts'
import type { AppOptions, Timeouts } from './app-options.ts'
import { bodyBytesMax } from './body-limit.ts'
import { routedTarget } from './request-form.ts'
import { ownCompilers } from './validation.ts'

export const pathParameterLengthMax = 256

/** The options of Fastify that do not depend on what an app has opened. */
export function frameworkOptions(
  options: AppOptions,
  { requestMs, idleMs, stallMs }: Timeouts,
  versions: Versions | undefined,
) {
  const { pino } = options.logger
  return {
    // The framework's own messages would be mixed with the lines for operators.
    loggerInstance: pino.child({}, { level: pino.isLevelEnabled('warn') ? 'warn' : 'silent' }),
    // A logger of its own for each request costs more than a cached response; lines carry the request id instead.
    childLoggerFactory: <L>(parent: L) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    rewriteUrl: versions === undefined ? routedTarget : routeByVersion(versions),
    bodyLimit: options.bodyBytesMax ?? bodyBytesMax,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionTimeout: stallMs,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: pathParameterLengthMax },
    // A request that arrives while the server closes has a connection, so it gets its response.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    schemaController: ownCompilers,
  } satisfies FastifyHttpOptions<Server, Logger['pino']>
}

function routeByVersion(versions: Versions): (request: IncomingMessage) => string {
  return (request) => versions.route(request, routedTarget(request))
}
