import type { FastifyReply } from 'fastify'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { decisionOf, isTrustedPeer, setDecision } from '../guard/index.ts'
import type { Guard, Principal, GuardDecision } from '../guard/index.ts'
import type { App } from './app-options.ts'
import { addFields } from './guarded-response.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends the request; undefined for nobody in particular. */
    readonly principal: Principal | undefined
  }
}

/**
 * Lets the guard decide before anything else sees a request. What it admits goes to `next`, and what it does not to `refuse`, as
 * does every request where the guard itself fails.
 */
export function guarded(
  guard: Guard | undefined,
  {
    next,
    refuse,
    onGone,
  }: {
    next: RequestListener
    refuse: RequestListener
    /** Called for a request whose client has gone before the decision. */
    onGone: (request: IncomingMessage, durationMs: number) => void
  },
): RequestListener {
  if (guard === undefined) return next

  function proceed(request: IncomingMessage, response: ServerResponse, decision: GuardDecision): void {
    const { fields, instead, release } = decision
    setDecision(request, decision)
    addFields(response, fields)
    if (release !== undefined) response.once('close', release)
    if (instead === undefined) next(request, response)
    else refuse(request, response)
  }

  return (request, response) => {
    const startedAt = performance.now()
    const found = attempt(guard, request)
    if (!(found instanceof Promise)) return proceed(request, response, found)
    found.catch(failed).then((decision) => {
      if (!response.destroyed) return proceed(request, response, decision)
      decision.release?.()
      onGone(request, performance.now() - startedAt)
    })
  }
}

function attempt(guard: Guard, request: IncomingMessage): ReturnType<Guard['check']> {
  try {
    return guard.check(request)
  } catch (error) {
    return failed(error)
  }
}

/** Nothing is admitted by a guard that fails: the framework reports the error. */
function failed(instead: unknown): GuardDecision {
  const client = { address: 'unknown', key: 'unknown' }
  return {
    client,
    hasOwners: true,
    principal: undefined,
    fields: [],
    instead: instead ?? new Error(),
    release: undefined,
  }
}

/** Gives routes the principal of their requests. */
export function addPrincipal(app: App): void {
  app.decorateRequest('principal', {
    getter() {
      return decisionOf(this.raw)?.principal
    },
  })
}

/** Responds in place of the route as the guard has decided; false where it has not. An error is for `fail` to respond to. */
export function respondInstead(reply: FastifyReply, fail: (error: unknown) => void): boolean {
  const instead = decisionOf(reply.request.raw)?.instead
  if (instead === undefined) return false
  if (instead === 'preflight') reply.code(204).send()
  else fail(instead)
  return true
}

/** Closes the connection of a request where the guard has decided so, whatever the form of the request; false where it has not. */
export function closedInstead(reply: FastifyReply): boolean {
  const { raw, server } = reply.request
  if (decisionOf(raw)?.instead !== 'close') return false
  reply.hijack()
  closeSilently(server.server, raw, reply.raw)
  return true
}

/**
 * Ends a connection without a response, which is recorded as a refusal. One of HTTP/2 that a trusted proxy has opened may have requests
 * of other clients, so there it is the stream that ends.
 */
export function closeSilently(server: Server, request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 403
  if (isTrustedPeer(server, request.socket)) response.destroy()
  else request.socket.destroy()
}
