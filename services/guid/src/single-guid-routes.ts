import type { Entry } from '@quintet/chassis/cache'
import type { EngineClock } from '@quintet/chassis/database'
import { invalid } from '@quintet/chassis/errors'
import { rowAccessOf } from '@quintet/chassis/guard'
import { etagOf, prefersAsync, problems, sendRepresentation, sendResponse } from '@quintet/chassis/http'
import type { App, FastifyReply } from '@quintet/chassis/http'
import { acceptedVersions, changeIfMatch, getById } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { CachedGuidStore } from './cached-guid-store.ts'
import {
  entryOf,
  notFound,
  notFoundToDelete,
  noun,
  parseGuid,
  readGuid,
  refuseExpired,
  textOf,
} from './guid.ts'
import { acceptOperation } from './operation-routes.ts'
import type { OperationStore } from './port.ts'
import { readGuidChange } from './request-bodies.ts'
import { GuidBody, GuidPatch, GuidPath, OperationBody } from './schemas.ts'

const tags = ['guid']

/** GET, PATCH and DELETE of one GUID. */
export function singleGuidRoutes(
  app: App,
  {
    guids,
    operations,
    engineClock,
  }: { guids: CachedGuidStore; operations: OperationStore; engineClock: EngineClock },
): void {
  getById(app, {
    url: '/guid/:guid',
    schema: {
      tags,
      operationId: 'getGuid',
      summary: 'Get a GUID',
      description: 'A GUID that has expired, to the second, is not found.',
      params: GuidPath,
      response: { 200: GuidBody, ...problems(400, 404) },
    },
    parse: readGuid,
    find: guids.find,
    ownerOf: ({ owner }) => owner,
    represent: (entry, notation) => ({ etag: etagOf(entry.version), body: textOf(notation, entry) }),
    notFound,
  })

  app.patch(
    '/guid/:guid',
    {
      attachValidation: true, // The handler adds errors that depend on the time.
      schema: {
        tags,
        operationId: 'changeGuid',
        summary: 'Change the user or the expiry of a GUID',
        supports: ['respond-async'],
        description: 'With `Prefer: respond-async` the response is 202 and the change is made later.',
        params: GuidPath,
        body: GuidPatch,
        response: { 200: GuidBody, 202: OperationBody, ...problems(400, 404, 412, 503) },
      },
    },
    async (request, reply) => {
      const notation = request.params.guid
      await engineClock.whenRead?.()
      const change = readGuidChange(request, engineClock)
      const guid = parseGuid(notation)
      const access = rowAccessOf(request.raw)
      const precondition = { noun, notFound, find: () => guids.findToChange(guid, access) }
      if (prefersAsync(request.headers.prefer)) {
        const versions = await acceptedVersions(request, precondition)
        const condition = versions && { versions }
        const command = { kind: 'update' as const, guid, ...change, ...condition }
        return sendResponse(reply, await acceptOperation(operations, command, access))
      }
      const row = await changeIfMatch(request, precondition, async (version) => {
        const updated = await guids.update(guid, change, version, { access })
        if (updated === undefined) refuseExpired(change.expire, engineClock)
        return updated
      })
      sendGuid(reply, notation, entryOf(row))
    },
  )

  app.delete(
    '/guid/:guid',
    {
      schema: {
        tags,
        operationId: 'deleteGuid',
        summary: 'Delete a GUID',
        description: 'A GUID that has been deleted can be registered again.',
        params: GuidPath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(400, 404, 412) },
      },
    },
    async (request, reply) => {
      const guid = parseGuid(request.params.guid)
      const access = rowAccessOf(request.raw)
      const find = () => guids.findToChange(guid, access)
      const precondition = { noun, notFound: notFoundToDelete, find }
      await changeIfMatch(request, precondition, (version) => guids.delete(guid, version, access))
      sendNothing(reply)
    },
  )

  for (const method of ['GET', 'PATCH', 'DELETE'] as const)
    app.route({
      method,
      url: '/guid',
      schema: { hide: true },
      handler: () => {
        throw invalid({ guid: 'GUID not provided.' })
      },
    })
}

function sendGuid(reply: FastifyReply, notation: string, entry: Entry): void {
  sendRepresentation(reply, etagOf(entry.version), textOf(notation, entry))
}

function sendNothing(reply: FastifyReply): void {
  reply.code(204).send()
}
