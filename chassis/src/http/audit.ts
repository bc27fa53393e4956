import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditEntry, AuditLog } from '../audit/index.ts'
import { AppError } from '../errors/index.ts'
import { clientAddressOf, decisionOf, refusalOfRequest, routedPathOf } from '../guard/index.ts'
import type { App } from './app-options.ts'
import { traceOf } from './request-trace.ts'
import type { Recorded } from './request-trace.ts'

/** Requests with an intent in the audit log. */
const writes = new WeakMap<Recorded, { readonly exchange: number; isOver: boolean }>()
/** What a request has made, where neither a Location field nor its path names it. */
const effects = new WeakMap<IncomingMessage, string>()

/** Names what a request has made, for the audit log; by default that is its Location, or the path of the request. */
export function setEffect({ raw }: Pick<FastifyRequest, 'raw'>, id: string): void {
  effects.set(raw, id)
}

/**
 * Writes a line before the effect of each request that may have one, and one after it. Requests that never reach a handler have none,
 * and neither have those that are forwarded: the service that they are for writes lines of its own.
 */
export function auditWrites(app: App, audit: AuditLog): void {
  app.addHook('preHandler', (request, _reply, done) => {
    if (!isWrite(request)) return done()
    const exchange = audit.nextExchange()
    writes.set(request.raw, { exchange, isOver: false })
    const written = audit.intend({
      kind: 'intent',
      exchange,
      ...describeWrite(request),
      decision: 'admitted',
    })
    if (!audit.isRequired) return done()
    written.then(
      () => done(),
      (error: Error) => {
        // What was not admitted has no outcome: its lines would wait for the file, without a bound.
        writes.delete(request.raw)
        done(error)
      },
    )
  })
  app.addHook('onSend', (request, reply, _payload, done) => {
    const write = writes.get(request.raw)
    if (write === undefined || write.isOver) return done()
    write.isOver = true
    const written = audit.record(outcomeOf(request, reply, write.exchange))
    if (audit.isRequired) holdEnd(reply.raw, written)
    done()
  })
}

/**
 * Ends a response once the work is done. The hook itself may not wait: handlers that send without returning the reply would have the
 * framework send again.
 */
function holdEnd(response: ServerResponse, work: Promise<void>): void {
  const { end } = response
  const ended: typeof end = (...args: unknown[]) => {
    void work.then(() => Reflect.apply(end, response, args))
    return response
  }
  Object.assign(response, { end: ended })
}

/** Writes a line for a request that is over if it was refused by who has sent it, from where or how often. */
export function auditRefusals(audit: AuditLog) {
  return (request: Recorded, requestId: string, route: string | undefined, status: number): void => {
    const refusal = refusalOfRequest(request)
    if (refusal === undefined || refusal === 'preflight' || writes.has(request)) return
    // It had a form that is refused before anything else.
    if (refusal instanceof AppError && refusal.status !== status) return
    const { path, ...about } = describe(request, requestId, route)
    const entry = { ...about, path: path.slice(0, refusedPathLengthMax), status, ...refusedBy(refusal) }
    audit.refuse({ kind: 'refusal', ...entry }, decisionOf(request)?.client.key ?? 'unknown')
  }
}

function isWrite({ method, is404 }: FastifyRequest): boolean {
  return !is404 && method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE'
}

function describe(request: Recorded, requestId: string, route: string | undefined, address?: string) {
  const { principal, client } = decisionOf(request) ?? {}
  return {
    request: requestId,
    trace: traceOf(request).traceId,
    principal: principal?.id ?? null,
    address: client?.address ?? address ?? null,
    method: request.method,
    route: route ?? 'unknown',
    path: pathOf(request),
  }
}

/** The same for a request of the framework, which has an address also where there is no guard. */
function describeWrite(request: FastifyRequest) {
  const { raw, id, routeOptions } = request
  return describe(raw, id, routeOptions.url, clientAddressOf(request))
}

const pathLengthMax = 2_048
/** Shorter, since a refusal costs its sender nothing. */
const refusedPathLengthMax = 256

/** Without the query, and without what may stand before the path, as a password. */
function pathOf({ url = '', originalUrl = url }: Recorded): string {
  return routedPathOf({ url: originalUrl }).slice(0, pathLengthMax)
}

function outcomeOf(request: FastifyRequest, reply: FastifyReply, exchange: number): AuditEntry {
  const status = reply.statusCode
  const refusal = refusalOfRequest(request.raw)
  return {
    ...{ kind: 'outcome', exchange, ...describeWrite(request), status },
    ...(refusal === undefined ? { decision: 'admitted' } : refusedBy(refusal)),
    ...(status < 400 && { effect: effectOf(request, reply) }),
    ...(reply.hasHeader('idempotency-replayed') && { replayed: true }),
  }
}

function effectOf(request: FastifyRequest, reply: FastifyReply) {
  const etag = reply.getHeader('etag')
  return {
    id: effects.get(request.raw) ?? String(reply.getHeader('location') ?? pathOf(request.raw)),
    version: etag === undefined ? null : String(etag).replace(/^(?:W\/)?"|"$/g, ''),
  }
}

/** The policies of limits that refuse a request, or the kind of any other refusal. */
function refusedBy(refusal: unknown): { decision: 'refused'; policy: string } {
  if (!(refusal instanceof AppError))
    return { decision: 'refused', policy: refusal === 'close' ? 'forbidden' : 'internal' }
  return { decision: 'refused', policy: refusal.violatedPolicies?.join(', ') ?? refusal.code }
}
