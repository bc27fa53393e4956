import { AppError, invalid } from '@quintet/chassis/errors'
import { describeOperations, pageSize, problems, requireConditions, sendJson } from '@quintet/chassis/http'
import type { App, Idempotency } from '@quintet/chassis/http'
import {
  changeIfMatch,
  createdResponse,
  createOnce,
  getById,
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

const path = '/api/movies'
const operation = describeOperations('movies')
const notFound = (id: number | string) => new AppError('not_found', `There is no movie ${id}.`)

/** The HTTP interface of the inventory service. */
export function movieRoutes(
  app: App,
  { movies, idempotency }: { movies: MovieStore; idempotency: Idempotency },
): void {
  app.get(
    path,
    operation(
      'listMovies',
      'List movies in the order of their ids, all or those whose title contains a text',
      {
        description: 'The search ignores case, in any script, and has no wildcards.',
        querystring: MovieQuery,
        response: { 200: Type.Array(MovieBody), ...problems(400) },
      },
    ),
    async (request, reply) => {
      const { title } = request.query
      const page = readPage(request.query)
      const read = async () => pageText(await movies.list(page, title), page.limit, textOf, ({ id }) => [id])
      const isFirstPage = title === undefined && page.after === 0 && page.limit === pageSize
      sendPage(request, reply, await (isFirstPage ? movies.firstPage(read) : read()))
    },
  )

  app.post(
    path,
    operation('addMovie', 'Add a movie', {
      description: 'Adds a movie, whose id is the next number; its path is in `Location`.',
      supports: ['Idempotency-Key'],
      body: NewMovie,
      response: { 201: MovieBody, ...problems(400, 409, 422, 503) },
    }),
    (request, reply) => {
      const response = createdResponse(path, textOf({ id: pendingId, ...request.body }))
      return createOnce(idempotency, request, reply, response, (records) =>
        movies.create(request.body, records),
      )
    },
  )

  app.delete(
    path,
    operation('deleteAllMovies', 'Delete all movies', {
      description: 'Deletes the movies that exist when the request begins, and returns their number.',
      response: { 200: AllDeleted, ...problems(412, 503) },
    }),
    async (request, reply) => {
      requireConditions(request, {})
      sendJson(reply, JSON.stringify({ message: 'all deleted', deleted: await movies.deleteAll() }))
    },
  )

  getById(app, {
    url: `${path}/:id`,
    ...operation('getMovie', 'Get a movie', {
      description: 'A text that is no id names no movie, which is 404.',
      params: MoviePath,
      response: { 200: MovieBody, ...problems(404) },
    }),
    parse: readId,
    find: movies.find,
    represent: representEntry,
    notFound,
  })

  app.put(
    `${path}/:id`,
    operation('changeMovie', 'Change the title or the description of a movie', {
      description: 'Changes the members that are given, and returns the whole movie.',
      params: MoviePath,
      body: MoviePatch,
      response: { 200: MovieBody, ...problems(400, 404, 412) },
    }),
    async (request, reply) => {
      const id = parseId(request.params.id, notFound)
      const { id: given = id, ...change } = request.body
      if (given !== id) throw invalid({ id: 'id cannot be changed; leave it out.' })
      if (Object.keys(change).length === 0) throw invalid({ body: 'Give a title, a description or both.' })
      const update = (version?: number) => movies.change(id, change, version)
      sendEntry(reply, await changeIfMatch(request, conditionOn(id), update))
    },
  )

  app.delete(
    `${path}/:id`,
    operation('deleteMovie', 'Delete a movie', {
      description: 'Deletes one movie; its id is never used again.',
      params: MoviePath,
      response: { 200: Deleted, ...problems(404, 412) },
    }),
    async (request, reply) => {
      const id = parseId(request.params.id, notFound)
      await changeIfMatch(request, conditionOn(id), (version) => movies.delete(id, version))
      sendJson(reply, JSON.stringify({ message: 'deleted', id }))
    },
  )

  function conditionOn(id: number) {
    return { noun: 'movie', notFound: () => notFound(id), find: () => movies.find(id) }
  }
}
