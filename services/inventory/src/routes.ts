import { AppError, invalid } from '@quintet/chassis/errors'
import { problems, sendJson } from '@quintet/chassis/http'
import type { App, Idempotency } from '@quintet/chassis/http'
import {
  changeIfMatch,
  createdResponse,
  createOnce,
  getById,
  pageSize,
  pageText,
  parseId,
  pendingId,
  readId,
  readPage,
  representEntry,
  sendEntry,
  sendPage,
} from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { MovieStore } from './movie-store.ts'
import { textOf } from './movie-store.ts'
import { AllDeleted, Deleted, MovieBody, MoviePatch, MoviePath, MovieQuery, NewMovie } from './schemas.ts'

const tags = ['movies']
const path = '/api/movies'

/** The routes of the inventory service. */
export function movieRoutes(app: App, parts: { movies: MovieStore; idempotency: Idempotency }): void {
  const { movies, idempotency } = parts

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
      const { title } = request.query
      const { after, limit } = readPage(request.query)
      const read = async () =>
        pageText(await movies.list(after, limit, title), limit, textOf, ({ id }) => [id])
      const isFirstPage = title === undefined && after === 0 && limit === pageSize
      sendPage(request, reply, await (isFirstPage ? movies.firstPage(read) : read()))
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
    (request, reply) => {
      const response = createdResponse(path, textOf({ id: pendingId, ...request.body }))
      return createOnce(idempotency, request, reply, response, (records) =>
        movies.create(request.body, records),
      )
    },
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
    async (_request, reply) =>
      sendJson(reply, JSON.stringify({ message: 'all deleted', deleted: await movies.deleteAll() })),
  )

  getById(app, {
    url: `${path}/:id`,
    schema: {
      tags,
      operationId: 'getMovie',
      summary: 'Get a movie',
      params: MoviePath,
      response: { 200: MovieBody, ...problems(404) },
    },
    parse: readId,
    find: movies.find,
    represent: representEntry,
    notFound,
  })

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
      const id = parseId(request.params.id, notFound)
      const { id: given = id, ...change } = request.body
      if (given !== id) throw invalid({ id: 'id cannot be changed; leave it out.' })
      if (Object.keys(change).length === 0) throw invalid({ body: 'Give a title, a description or both.' })
      const update = (version?: number) => movies.change(id, change, version)
      sendEntry(request, reply, await changeIfMatch(request, precondition(id), update))
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
      const id = parseId(request.params.id, notFound)
      await changeIfMatch(request, precondition(id), (version) => movies.delete(id, version))
      sendJson(reply, JSON.stringify({ message: 'deleted', id }))
    },
  )

  function precondition(id: number) {
    return { noun: 'movie', notFound: () => notFound(id), find: () => movies.find(id) }
  }
}

const notFound = (id: number | string) => new AppError('not_found', `There is no movie ${id}.`)
