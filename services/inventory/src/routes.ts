import { invalid } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App, Idempotency } from '@quintet/chassis/http'
import {
  createdResponse,
  createOnce,
  createRowHandlers,
  DeletedRow,
  DeletedRows,
  getById,
  pendingId,
  rowPath,
} from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { MovieStore } from './movie-store.ts'
import { textOf } from './movie-store.ts'
import type { Movie } from './movie-tables.ts'
import { MovieBody, MoviePatch, MovieQuery, NewMovie } from './schemas.ts'

const path = '/api/movies'
const operation = describeOperations('movies')
const params = rowPath('movie')

/** The HTTP interface of the inventory service. */
export function movieRoutes(
  app: App,
  { movies, idempotency }: { movies: MovieStore; idempotency: Idempotency },
): void {
  const handlers = createRowHandlers<Movie>({ noun: 'movie', rows: movies, textOf })

  app.get(
    path,
    operation(
      'listMovies',
      'List movies in the order of their ids, all or those whose title contains a text',
      {
        description:
          'The search ignores case, in any script, and has no wildcards. Of many movies it takes long: after 4 s a page ends where the search is, ' +
          'with fewer movies or none, and its `Link` leads to the rest.',
        querystring: MovieQuery,
        response: { 200: Type.Array(MovieBody), ...problems(400) },
      },
    ),
    (request, reply) => {
      const { title } = request.query
      if (title === undefined) return handlers.list(request, reply, movies.list)
      return handlers.search(request, reply, (step) => movies.search(step, title))
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
      response: { 200: DeletedRows, ...problems(412, 503) },
    }),
    handlers.deleteAll,
  )

  getById(app, {
    url: `${path}/:id`,
    ...operation('getMovie', 'Get a movie', {
      description: 'A text that is no id names no movie, which is 404.',
      params,
      response: { 200: MovieBody, ...problems(404) },
    }),
    ...handlers.byId,
  })

  app.put(
    `${path}/:id`,
    operation('changeMovie', 'Change the title or the description of a movie', {
      description: 'Changes the members that are given, and returns the whole movie.',
      params,
      body: MoviePatch,
      response: { 200: MovieBody, ...problems(400, 404, 412) },
    }),
    (request, reply) =>
      handlers.change(request, reply, (id) => {
        const { id: given = id, ...change } = request.body
        if (given !== id) throw invalid({ id: 'id must be the one in the path, or be left out.' })
        if (Object.keys(change).length === 0)
          throw invalid({ body: 'The body must have a title, a description or both.' })
        return (version) => movies.change(id, change, version)
      }),
  )

  app.delete(
    `${path}/:id`,
    operation('deleteMovie', 'Delete a movie', {
      description: 'Deletes one movie; its id is never used again.',
      params,
      response: { 200: DeletedRow, ...problems(404, 412) },
    }),
    handlers.delete,
  )
}
