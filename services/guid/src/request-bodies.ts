import type { Clock } from '@quintet/chassis/clock'
import { AppError, invalid } from '@quintet/chassis/errors'
import type { FastifyRequest } from '@quintet/chassis/http'
import { expireError, expireOf, readGuid } from './guid.ts'
import type { GuidChange } from './port.ts'
import type { GuidPatch, NewGuid } from './schemas.ts'

/** The values of a registration of the GUID `inPath`. Refuses the request with all errors of its path and body at once. */
export function readNewGuid(
  request: FastifyRequest<{ Body: NewGuid & { guid?: string } }>,
  inPath: string,
  clock: Clock,
): { user: string; expire: number } {
  const { user, expire } = refuseInvalid(request, inPath, clock)
  return { user: String(user), expire: expireOf(expire, clock.now()) }
}

/** The values of a change. Refuses the request with all errors of its path and body at once. */
export function readGuidChange(
  request: FastifyRequest<{ Params: { guid: string }; Body: GuidPatch }>,
  clock: Clock,
): GuidChange {
  const { user, expire } = refuseInvalid(request, request.params.guid, clock)
  if (user === undefined && expire === undefined) throw invalid({ body: 'Input data should not be empty.' })
  return {
    ...(user !== undefined && { user }),
    ...(expire !== undefined && { expire: expireOf(expire, clock.now()) }),
  }
}

type Body = { guid?: string; user?: string; expire?: string | number }

/** Adds errors that depend on the path and on the current time to those of the schema. */
function refuseInvalid(request: FastifyRequest<{ Body: Body }>, inPath: string, clock: Clock): Body {
  const { validationError, body } = request
  if (validationError !== undefined && !(validationError instanceof AppError)) throw validationError
  const errors: Record<string, string> = { ...validationError?.errors }
  if (body?.expire !== undefined && errors.expire === undefined) {
    const fault = expireError(Number(body.expire), clock.now())
    if (fault !== undefined) errors.expire = fault
  }
  if (errors.guid === undefined && differs(body?.guid, inPath))
    errors.guid = 'guid must be the one in the path, or be left out.'
  if (validationError !== undefined || Object.keys(errors).length > 0) throw invalid(errors)
  return body
}

function differs(guid: unknown, inPath: string): boolean {
  return typeof guid === 'string' && readGuid(guid) !== readGuid(inPath)
}
