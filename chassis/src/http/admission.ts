import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { AppError } from '../errors/index.ts'
import type { Access } from './access.ts'
import type { createAllowedMethods } from './allowed-methods.ts'
import type { AppOptions } from './app-options.ts'
import { respondInstead } from './guarded.ts'
import { notAcceptable } from './negotiation.ts'
import { sendProblem } from './problem.ts'
import { queryRefusal } from './query.ts'
import { bodyRefusal, formRefusal } from './request-form.ts'

/** Lets a request that has reached its route go on, or refuses it. */
export function createAdmission(
  options: AppOptions,
  {
    access,
    allowedMethods,
  }: { access: Omit<Access, 'guard'>; allowedMethods: ReturnType<typeof createAllowedMethods> },
) {
  return (
    request: FastifyRequest,
    reply: FastifyReply,
    done: (error?: Error) => void,
    route: string | undefined,
    schema: FastifySchema | undefined,
  ): void => {
    const refusal = formRefusal(request.raw) ?? options.refuse?.(request)
    if (
      refusal === undefined &&
      respondInstead(reply, (error) => sendProblem(error, request, reply, options))
    )
      return
    const error = refusal ?? access.refusalOf(request, reply, schema)
    if (error === undefined && request.url === '*')
      reply.code(204).header('allow', allowedMethods.ofServer()).send()
    else done(error ?? refusalOf(request, { url: route ?? '', schema }, options, allowedMethods))
  }
}

/** The refusal of a request whose path, method, query or media types its route does not have. */
function refusalOf(
  request: FastifyRequest,
  { url: route, schema }: { readonly url: string; readonly schema: FastifySchema | undefined },
  { forwardedRoutes, wrongValueCode = 'invalid' }: AppOptions,
  allowedMethods: ReturnType<typeof createAllowedMethods>,
): AppError | undefined {
  if (request.is404) return allowedMethods.errorOf(request)
  if (forwardedRoutes?.has(route) === true) return undefined
  if (hasEmptySegment(request) || allowedMethods.isOfAnother(request, route))
    return allowedMethods.errorOf(request)
  return (
    queryRefusal(request, wrongValueCode) ??
    notAcceptable(request) ??
    bodyRefusal(request.raw, schema?.readsGzip)
  )
}

/** Whether a parameter of the path is empty, as the id in `/movies//`, which names nothing. */
function hasEmptySegment({ url, params }: FastifyRequest): boolean {
  return url.includes('//') && Object.values(Object(params)).includes('')
}
