import type { EngineClock } from '@quintet/chassis/database'
import { mayRead, rowAccessOf } from '@quintet/chassis/guard'
import type { RowAccess } from '@quintet/chassis/guard'
import {
  etagOf,
  isConditional,
  jsonType,
  prefersAsync,
  problems,
  requireConditions,
} from '@quintet/chassis/http'
import type { App, FastifyReply, FastifyRequest, Idempotency } from '@quintet/chassis/http'
import type { RecordedResponse, ResponseRecorder } from '@quintet/chassis/idempotency'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { alreadyRegistered, entryOf, expired, newGuid, parseGuid, textOf } from './guid.ts'
import type { Guid } from './guid.ts'
import { acceptOperation } from './operation-routes.ts'
import type { OperationStore } from './port.ts'
import { readNewGuid } from './request-bodies.ts'
import { GivenGuid, GuidBody, GuidPath, NewGuid, OperationBody } from './schemas.ts'

const tags = ['guid']
const response = { 201: GuidBody, 202: OperationBody, ...problems(400, 409, 422, 503) }

/** POST: registers a GUID, generated or given, at once or through the queue. */
export function registrationRoutes(
  app: App,
  {
    guids,
    operations,
    idempotency,
    engineClock,
    guidVersion,
  }: {
    guids: CachedGuidStore
    operations: OperationStore
    idempotency: Idempotency
    engineClock: EngineClock
    guidVersion: '4' | '7'
  },
): void {
  app.post(
    '/guid',
    {
      attachValidation: true, // The handler adds errors that depend on the time.
      schema: {
        tags,
        operationId: 'registerGeneratedGuid',
        summary: 'Register a generated GUID',
        description:
          'Registers a random GUID; its path is in `Location`. With `Prefer: respond-async` it is registered later, and the response is 202.',
        supports: ['Idempotency-Key', 'respond-async'],
        body: NewGuid,
        response,
      },
    },
    (request, reply) => register(request, reply, newGuid(guidVersion), true),
  )

  app.post(
    '/guid/:guid',
    {
      attachValidation: true, // The handler adds errors that depend on the time.
      schema: {
        tags,
        operationId: 'registerGuid',
        summary: 'Register this GUID',
        description:
          'Registers the GUID of the path, unless it is live; one that has expired may be registered again. With `Prefer: respond-async` the response is 202.',
        supports: ['Idempotency-Key', 'respond-async'],
        params: GuidPath,
        body: GivenGuid,
        response,
      },
    },
    (request, reply) => register(request, reply, request.params.guid),
  )

  async function register(
    request: FastifyRequest<{ Body: NewGuid & { guid?: string } }>,
    reply: FastifyReply,
    notation: string,
    isNew = false,
  ) {
    await engineClock.whenRead?.()
    const { user, expire } = readNewGuid(request, notation, engineClock)
    const guid = parseGuid(notation)
    const given = request.body.expire
    const access = rowAccessOf(request.raw)
    const contentOf = () => ({ user, ...(given !== undefined && { expire: Number(given) }) })
    const target = isNew
      ? { contentOf }
      : { contentOf, path: `/guid/${guid}`, find: () => representationOf(guid, access) }
    async function act(record: ResponseRecorder): Promise<RecordedResponse> {
      if (prefersAsync(request.headers.prefer))
        return acceptOperation(operations, { kind: 'create', guid, user, expire }, access, record)
      const registration = { guid, user, expire, owner: access.owner }
      const made: { response?: RecordedResponse } = {}
      const outcome = await guids.create(registration, {
        isNew,
        records(version) {
          made.response = createdResponse(notation, { ...registration, version })
          return record(made.response)
        },
      })
      if (outcome === 'expired') throw expired()
      if (outcome === 'exists' || made.response === undefined) {
        // Registered by another client since the conditions were judged.
        if (isConditional(request)) requireConditions(request, await representationOf(guid, access))
        throw alreadyRegistered()
      }
      return made.response
    }
    return idempotency.once(request, reply, act, target)
  }

  /** Of another's GUID there is none, but it cannot be registered either. */
  async function representationOf(guid: string, access: RowAccess): Promise<{ etag: string } | undefined> {
    const entry = await guids.find(guid)
    return entry && mayRead(access, entry.owner) ? { etag: etagOf(entry.version) } : undefined
  }
}

function createdResponse(notation: string, row: Guid): RecordedResponse {
  return {
    status: 201,
    headers: { 'content-type': jsonType, location: `/guid/${notation}`, etag: etagOf(row.version) },
    body: textOf(notation, entryOf(row)),
  }
}
