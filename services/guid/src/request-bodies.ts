import type { Clock } from '@quintet/chassis/clock'
import { AppError, invalid } from '@quintet/chassis/errors'
import type { FastifyRequest } from '@quintet/chassis/http'
import { expireError, expireOf, parseGuid } from './guid.ts'
import type { GuidChange } from './port.ts'
import type { GuidPatch, NewGuid } from './schemas.ts'

/** The values of a registration. Refuses the request with all errors of its path and body at once. */
export function readNewGuid(
  request: FastifyRequest<{ Body: NewGuid }>,
  clock: Clock,
): { user: string; expire: number } {
  const { user, expire } = refuseInvalid(request, clock)
  return { user: String(user), expire: expireOf(expire, clock.now()) }
}

/** The values of a change. Refuses the request with all errors of its path and body at once. */
export function readGuidChange(
  request: FastifyRequest<{ Params: { guid: string }; Body: GuidPatch }>,
  clock: Clock,
): GuidChange {
  const { guid, user, expire } = refuseInvalid(request, clock)
  const inPath = request.params.guid
  if (guid !== undefined && guid !== inPath && parseGuid(guid) !== parseGuid(inPath))
    throw invalid({ guid: 'guid cannot be changed; leave it out.' })
  if (user === undefined && expire === undefined) throw invalid({ body: 'Input data should not be empty.' })
  return {
    ...(user !== undefined && { user }),
    ...(expire !== undefined && { expire: expireOf(expire, clock.now()) }),
  }
}

type Body = { guid?: string; user?: string; expire?: string | number }

/** Adds errors that depend on the current time to those of the schema. */
function refuseInvalid(request: FastifyRequest<{ Body: Body }>, clock: Clock): Body {
  const { validationError, body } = request
  if (validationError !== undefined && !(validationError instanceof AppError)) throw validationError
  const errors: Record<string, string> = { ...validationError?.errors }
  if (body?.expire !== undefined && errors.expire === undefined) {
    const fault = expireError(Number(body.expire), clock.now())
    if (fault !== undefined) errors.expire = fault
  }
  if (validationError !== undefined || errors.expire !== undefined) throw invalid(errors)
  return body
}
