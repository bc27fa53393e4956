import type { Entry } from '@quintet/chassis/cache'
import { invalid } from '@quintet/chassis/errors'
import { withId } from '@quintet/chassis/idempotency'
import {
  etagOf,
  jsonType,
  linkToNextPage,
  openCursor,
  parseIfMatch,
  problems,
  sealCursor,
  sendJson,
  sendRepresentation,
} from '@quintet/chassis/http'
import { valuePlaceholder } from '@quintet/chassis/idempotency'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { App, Idempotency, FastResponse, FastPath } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Movie, MovieStore } from './movie-store.ts'
import { versionMismatch, notFound, textOf } from './movie-store.ts'
import { AllDeleted, Deleted, MovieBody, MoviePatch, MoviePath, MovieQuery, NewMovie } from './schemas.ts'

const tags = ['movies']
const path = '/api/movies'
const pageSize = 100

/** The wire of the inventory service. */
export function movieRoutes(
  app: App,
  { movies, idempotency }: { movies: MovieStore; idempotency: Idempotency },
): void {
  app.get(
    path,
    {
      schema: {
        tags,
        operationId: 'listMovies',
        summary: 'List movies in the order of their ids, all or those whose title contains a text',
        querystring: MovieQuery,
        response: { 200: Type.Array(MovieBody), ...problems(400) },
      },
    },
    async (request, reply) => {
      const { title, cursor, limit = pageSize } = request.query
      const isFirstPage = title === undefined && cursor === undefined && limit === pageSize
      const page = {
        limit,
        ...(title !== undefined && { title }),
        ...(cursor !== undefined && { after: openId(cursor) }),
      }
      const text = isFirstPage
        ? await movies.firstPage(limit, (rows) => pageText(rows, limit))
        : pageText(await movies.list(page), limit)
      const endOfCursor = text.indexOf('\n')
      if (endOfCursor > 0) reply.header('link', linkToNextPage(request.url, text.slice(0, endOfCursor)))
      sendJson(reply, text.slice(endOfCursor + 1))
    },
  )

  app.post(
    path,
    {
      schema: {
        tags,
        operationId: 'addMovie',
        summary: 'Add a movie',
        body: NewMovie,
        response: { 201: MovieBody, ...problems(400, 409, 422, 503) },
      },
    },
    (request, reply) =>
      idempotency.once(request, reply, async (record) => {
        const answer = createdResponse(request.body)
        const id = await movies.create(request.body, record(answer))
        return withId(answer, id)
      }),
  )

  app.delete(
    path,
    {
      schema: {
        tags,
        operationId: 'deleteAllMovies',
        summary: 'Delete all movies',
        response: { 200: AllDeleted, ...problems(503) },
      },
    },
    async (_request, reply) => {
      sendJson(reply, JSON.stringify({ message: 'all deleted', deleted: await movies.deleteAll() }))
    },
  )

  app.get(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'getMovie',
        summary: 'Get a movie',
        params: MoviePath,
        response: { 200: MovieBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const entry = await movies.find(parseId(request.params.id))
      if (entry === undefined) throw notFound(request.params.id)
      sendRepresentation(request, reply, etagOf(entry.version), entry.text)
    },
  )

  app.put(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'changeMovie',
        summary: 'Change the title or the description of a movie',
        description: 'Understands If-Match.',
        params: MoviePath,
        body: MoviePatch,
        response: { 200: MovieBody, ...problems(400, 404, 412) },
      },
    },
    async (request, reply) => {
      const id = parseId(request.params.id)
      const { id: given = id, ...change } = request.body
      if (given !== id) throw invalid({ id: 'id cannot be changed; leave it out.' })
      if (Object.keys(change).length === 0) throw invalid({ body: 'Give a title, a description or both.' })
      const version = await movies.checkPrecondition(id, parseIfMatch(request.headers['if-match']))
      const movie = await movies.update(id, change, version)
      if (movie === undefined) throw version === undefined ? notFound(id) : versionMismatch()
      sendRepresentation(request, reply, etagOf(movie.version), textOf(movie))
    },
  )

  app.delete(
    `${path}/:id`,
    {
      schema: {
        tags,
        operationId: 'deleteMovie',
        summary: 'Delete a movie',
        description: 'Understands If-Match.',
        params: MoviePath,
        response: { 200: Deleted, ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const id = parseId(request.params.id)
      const version = await movies.checkPrecondition(id, parseIfMatch(request.headers['if-match']))
      if (!(await movies.delete(id, version))) throw version === undefined ? notFound(id) : versionMismatch()
      sendJson(reply, JSON.stringify({ message: 'deleted', id }))
    },
  )
}

/** Single movies by their path, the hottest answer of all. */
export function movieFastPath(movies: MovieStore): FastPath {
  const prefix = `${path}/`
  const answerOf = (entry: Entry | undefined): FastResponse | undefined =>
    entry && { route: `${path}/:id`, etag: etagOf(entry.version), body: entry.text }
  return (target) => {
    const id = target.startsWith(prefix) ? target.slice(prefix.length) : ''
    if (!idExpression.test(id)) return undefined
    const found = movies.find(Number(id))
    return found instanceof Promise ? found.then(answerOf) : answerOf(found)
  }
}

const idExpression = /^[1-9][0-9]{0,14}$/

function parseId(text: string): number {
  if (!idExpression.test(text)) throw notFound(text)
  return Number(text)
}

function openId(cursor: string): number {
  return Number(openCursor(cursor, ['number'])[0])
}

/** The cursor of the page behind this one, if there may be one, and the body: as a text of two lines, so that it can be cached. */
function pageText(rows: readonly Movie[], limit: number): string {
  const last = rows.length === limit ? rows.at(-1) : undefined
  return `${last ? sealCursor([last.id]) : ''}\n[${rows.map(textOf).join(',')}]`
}

function createdResponse({ title, description }: NewMovie): RecordedResponse {
  return {
    status: 201,
    headers: { 'content-type': jsonType, location: `${path}/${valuePlaceholder}`, etag: etagOf(1) },
    body: `{"id":${valuePlaceholder},${JSON.stringify({ title, description }).slice(1)}`,
  }
}
