import { Type } from 'typebox'
import type { Entry } from '../cache/index.ts'
import { AppError } from '../errors/index.ts'
import { requireConditions, sendJson } from '../http/index.ts'
import type { FastifyReply, FastifyRequest } from '../http/index.ts'
import { representEntry, sendEntry } from './get-by-id.ts'
import { parseId, readId } from './ids.ts'
import { readPage, searchList, sendList, sendRows } from './pages.ts'
import type { PageQuery } from './pages.ts'
import { changeIfMatch } from './preconditions.ts'
import type { Found, Page, Rows, Step } from './rows.ts'

/** The path of one row. Any text: one that is not an id names no row, which is 404 rather than 400. */
export function rowPath(noun: string) {
  return Type.Object({
    id: Type.String({ description: `The number that the ${noun} was given.`, examples: ['1'] }),
  })
}

export const DeletedRow = Type.Object({ message: Type.Literal('deleted'), id: Type.Integer() })
export const DeletedRows = Type.Object({ message: Type.Literal('all deleted'), deleted: Type.Integer() })

type PageRequest = FastifyRequest<{ Querystring: PageQuery }>
type RowRequest = FastifyRequest<{ Params: { id: string } }>

/** The handlers of the routes of a service of rows. Each throws an AppError for every result other than success. */
export function createRowHandlers<Row extends { id: number }>({
  noun,
  rows,
  textOf,
}: {
  /** The name of a row in error messages. */
  noun: string
  rows: Pick<Rows, 'find' | 'firstPage' | 'delete' | 'deleteAll'>
  /** The representation of a row. */
  textOf: (row: Row) => string
}) {
  const numberOf = ({ id }: Row) => id
  const notFound = (id: number | string) => new AppError('not_found', `There is no ${noun} ${id}.`)

  function preconditionOn(id: number) {
    return { noun, notFound: () => notFound(id), find: () => rows.find(id) }
  }

  return {
    /** GET of one row, for `getById`. */
    byId: { parse: readId, find: rows.find, represent: representEntry, notFound },

    /** A page of all rows, in the order of their ids. The first one is cached. */
    async list(
      request: PageRequest,
      reply: FastifyReply,
      read: (page: Page & Step) => Promise<readonly Row[]>,
    ): Promise<void> {
      return sendRows(request, reply, { read, textOf, firstPage: rows.firstPage })
    },

    /** A page of the rows that a search finds, each of whose steps is bounded. */
    async search(
      request: PageRequest,
      reply: FastifyReply,
      search: (page: Page & Step) => Promise<Found<Row, number>>,
    ): Promise<void> {
      const parts = { search, textOf, numberOf }
      await sendList(request, reply, searchList(readPage(request.query), parts))
    },

    /** Changes a row under the conditions of the request. `prepare` checks the request, and returns the change of one version or any. */
    async change(
      request: RowRequest,
      reply: FastifyReply,
      prepare: (id: number) => (version?: number) => Promise<Entry | undefined>,
    ): Promise<void> {
      const id = parseId(request.params.id, notFound)
      sendEntry(reply, await changeIfMatch(request, preconditionOn(id), prepare(id)))
    },

    /** Deletes a row under the conditions of the request. */
    async delete(request: RowRequest, reply: FastifyReply): Promise<void> {
      const id = parseId(request.params.id, notFound)
      await changeIfMatch(request, preconditionOn(id), (version) => rows.delete(id, version))
      sendJson(reply, JSON.stringify({ message: 'deleted', id }))
    },

    /** Deletes the rows that exist when the request begins. */
    async deleteAll(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      requireConditions(request, {})
      sendJson(reply, JSON.stringify({ message: 'all deleted', deleted: await rows.deleteAll() }))
    },
  }
}
