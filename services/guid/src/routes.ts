import type { Entry } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import { AppError, invalid } from '@quintet/chassis/errors'
import {
  etagOf,
  jsonType,
  linkToNextPage,
  openCursor,
  parseIfMatch,
  prefersAsync,
  problems,
  sealCursor,
  sendResponse,
  sendJson,
  sendRepresentation,
} from '@quintet/chassis/http'
import type { RecordedResponse, ResponseRecorder } from '@quintet/chassis/idempotency'
import type {
  App,
  FastifyReply,
  FastifyRequest,
  Idempotency,
  FastResponse,
  FastPath,
} from '@quintet/chassis/http'
import type { GuidCommand } from '@quintet/contracts'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import {
  checkPrecondition,
  alreadyLive,
  entryOf,
  expireFault,
  expireOf,
  isCanonical,
  versionMismatch,
  newGuid,
  notFound,
  parseGuid,
  textOf,
} from './guid.ts'
import { GuidBody, GuidPatch, GuidPath, GuidQuery, NewGuid, OperationBody, OperationPath } from './schemas.ts'
import type { GuidPage, GuidStore, IsNew, OperationStore } from './port.ts'

const tags = ['guid']
const pageSize = 100

type Parts = {
  guids: GuidStore
  operations: OperationStore
  idempotency: Idempotency
  clock: Clock
  guidVersion: '4' | '7'
}

/** The wire of the guid service. */
export function guidRoutes(app: App, { guids, operations, idempotency, clock, guidVersion }: Parts): void {
  app.post(
    '/guid',
    {
      attachValidation: true,
      schema: {
        tags,
        operationId: 'registerGeneratedGuid',
        summary: 'Register a generated GUID',
        body: NewGuid,
        response: created,
      },
    },
    (request, reply) => register(request, reply, newGuid(guidVersion), { isNew: true }),
  )

  app.post(
    '/guid/:guid',
    {
      attachValidation: true,
      schema: {
        tags,
        operationId: 'registerGuid',
        summary: 'Register this GUID',
        params: GuidPath,
        body: NewGuid,
        response: created,
      },
    },
    (request, reply) => register(request, reply, request.params.guid),
  )

  app.get(
    '/guid/:guid',
    {
      schema: {
        tags,
        operationId: 'getGuid',
        summary: 'Get a GUID',
        params: GuidPath,
        response: { 200: GuidBody, ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const { guid } = request.params
      const entry = await guids.find(parseGuid(guid))
      if (entry === undefined) throw notFound()
      sendGuid(request, reply, guid, entry)
    },
  )

  app.patch(
    '/guid/:guid',
    {
      attachValidation: true,
      schema: {
        tags,
        operationId: 'changeGuid',
        summary: 'Change the user or the end of a GUID',
        description:
          'Understands If-Match; with `Prefer: respond-async` the answer is 202 and the work is done later.',
        params: GuidPath,
        body: GuidPatch,
        response: { 200: GuidBody, 202: OperationBody, ...problems(400, 404, 412, 503) },
      },
    },
    async (request, reply) => {
      const notation = request.params.guid
      const change = readChange(request, clock)
      const guid = parseGuid(notation)
      const versions = parseIfMatch(request.headers['if-match'])
      if (prefersAsync(request.headers.prefer)) {
        const command = {
          kind: 'update' as const,
          guid,
          ...change,
          ...(versions && { versions: [...versions] }),
        }
        return sendResponse(reply, await accept(command))
      }
      const version = await checkPrecondition(guids, guid, versions)
      const row = await guids.update(guid, change, version)
      if (row === undefined) throw version === undefined ? notFound() : versionMismatch()
      sendGuid(request, reply, notation, entryOf(row))
    },
  )

  app.delete(
    '/guid/:guid',
    {
      schema: {
        tags,
        operationId: 'deleteGuid',
        summary: 'Delete a GUID',
        description: 'Understands If-Match.',
        params: GuidPath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(400, 404, 412) },
      },
    },
    async (request, reply) => {
      const guid = parseGuid(request.params.guid)
      const version = await checkPrecondition(guids, guid, parseIfMatch(request.headers['if-match']))
      if (!(await guids.delete(guid, version)))
        throw version === undefined ? new AppError('not_found', 'GUID not found.') : versionMismatch()
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

  app.get(
    '/guids',
    {
      schema: {
        tags,
        operationId: 'listGuids',
        summary: 'List GUIDs, the ones that end first before the others',
        querystring: GuidQuery,
        response: { 200: Type.Array(GuidBody), ...problems(400) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query, guids.placeType)
      const rows = await guids.list(page)
      const last = rows.length === page.limit ? rows.at(-1) : undefined
      if (last) reply.header('link', linkToNextPage(request.url, sealCursor([last.expire, last.place])))
      sendJson(reply, `[${rows.map((row) => textOf(row.guid, entryOf(row))).join(',')}]`)
    },
  )

  app.get(
    '/operations/:id',
    {
      schema: {
        tags,
        operationId: 'getOperation',
        summary: 'Look at work that was answered 202',
        params: OperationPath,
        response: { 200: OperationBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const operation = await operations.find(request.params.id)
      if (operation === undefined) throw new AppError('not_found', 'Operation not found.')
      const { id, status, result, problem } = operation
      const body = { id, status, ...parsed('result', result), ...parsed('problem', problem) }
      sendRepresentation(request, reply, `"${status}"`, JSON.stringify(body))
    },
  )

  function register(
    request: FastifyRequest<{ Body: NewGuid }>,
    reply: FastifyReply,
    notation: string,
    novelty: IsNew = {},
  ) {
    const { user, expire } = readNewGuid(request, clock)
    const guid = parseGuid(notation)
    return idempotency.once(request, reply, async (record) => {
      if (prefersAsync(request.headers.prefer)) return accept({ kind: 'create', guid, user, expire }, record)
      const row = { guid, user, expire, version: guids.nextVersion() }
      const answer: RecordedResponse = {
        status: 201,
        headers: { 'content-type': jsonType, location: `/guid/${notation}`, etag: etagOf(row.version) },
        body: textOf(notation, entryOf(row)),
      }
      if ((await guids.create(row, { ...novelty, records: record(answer) })) === 'live') throw alreadyLive()
      return answer
    })
  }

  async function accept(command: GuidCommand, record: ResponseRecorder = () => []) {
    const id = operations.newId()
    const answer: RecordedResponse = {
      status: 202,
      headers: {
        'content-type': jsonType,
        location: `/operations/${id}`,
        'preference-applied': 'respond-async',
        'retry-after': '1',
      },
      body: JSON.stringify({ id, status: 'pending' }),
    }
    await operations.accept(id, command, record(answer))
    return answer
  }
}

/** GUIDs by their path in canonical notation, the hottest answer of all. */
export function guidFastPath(guids: GuidStore): FastPath {
  const prefix = '/guid/'
  return (path) => {
    const guid = path.startsWith(prefix) ? path.slice(prefix.length) : ''
    if (!isCanonical(guid)) return undefined
    const answerOf = (entry: Entry | undefined): FastResponse | undefined =>
      entry && { route: '/guid/:guid', etag: etagOf(entry.version), body: textOf(guid, entry) }
    const found = guids.find(guid)
    return found instanceof Promise ? found.then(answerOf) : answerOf(found)
  }
}

const created = { 201: GuidBody, 202: OperationBody, ...problems(400, 409, 422, 503) }

function sendGuid(request: FastifyRequest, reply: FastifyReply, notation: string, entry: Entry): void {
  sendRepresentation(request, reply, etagOf(entry.version), textOf(notation, entry))
}

function sendNothing(reply: FastifyReply): void {
  reply.code(204).send()
}

/** The body and the path are judged together, so that one answer tells all that is wrong. */
function readNewGuid(
  request: FastifyRequest<{ Body: NewGuid }>,
  clock: Clock,
): { user: string; expire: number } {
  const { user, expire } = refuseFaults(request, clock)
  return { user: String(user), expire: expireOf(expire, clock.now()) }
}

function readChange(
  request: FastifyRequest<{ Params: { guid: string }; Body: GuidPatch }>,
  clock: Clock,
): { user?: string; expire?: number } {
  const { guid, user, expire } = refuseFaults(request, clock)
  if (
    guid !== undefined &&
    guid !== request.params.guid &&
    parseGuid(guid) !== parseGuid(request.params.guid)
  )
    throw invalid({ guid: 'guid cannot be changed; leave it out.' })
  if (user === undefined && expire === undefined) throw invalid({ body: 'Input data should not be empty.' })
  return {
    ...(user !== undefined && { user }),
    ...(expire !== undefined && { expire: expireOf(expire, clock.now()) }),
  }
}

type Given = { guid?: string; user?: string; expire?: string | number }

function refuseFaults(request: FastifyRequest<{ Body: Given }>, clock: Clock): Given {
  const { validationError, body } = request
  const errors: Record<string, string> = {
    ...(validationError instanceof AppError && validationError.errors),
  }
  if (validationError !== undefined && !(validationError instanceof AppError)) throw validationError
  const expire = body?.expire === undefined ? undefined : expireFault(Number(body.expire), clock.now())
  if (expire !== undefined) errors.expire ??= expire
  if (Object.keys(errors).length > 0) throw invalid(errors)
  return body
}

function readPage(
  { limit, cursor, user, expiring_before: before }: Static<typeof GuidQuery>,
  placeType: 'number' | 'string',
): GuidPage {
  const [expire, place] = cursor === undefined ? [] : openCursor(cursor, ['number', placeType])
  return {
    limit: limit ?? pageSize,
    ...(user !== undefined && { user }),
    ...(before !== undefined && { expiringBefore: Number(before) }),
    ...(place !== undefined && { after: { expire: Number(expire), place } }),
  }
}

function parsed(name: string, text: string | null): Record<string, unknown> {
  return text === null ? {} : { [name]: JSON.parse(text) }
}
