import { invalid } from '@quintet/chassis/errors'
import { mayReadOwned, rowAccessOf } from '@quintet/chassis/guard'
import { clientNetworkOf, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import {
  changeIfMatch,
  createdResponse,
  createOnce,
  getById,
  parseId,
  pendingId,
  readId,
  representEntry,
  sendEntry,
} from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { rightToChange } from './rights.ts'
import type { Right } from './rights.ts'
import type { Parts } from './route-parts.ts'
import { IdBody, NewUser, UserBody, UserPatch, UserPath } from './schemas.ts'
import { userNotFound } from './user-store.ts'

const tags = ['users']

export function userRoutes(app: App, { users, idempotency, passwords }: Parts): void {
  app.post(
    '/users',
    {
      schema: {
        tags,
        operationId: 'addUser',
        summary: 'Add a user',
        description:
          'Adds a user, whose password is stored as a hash only. Emails are compared without regard to case.',
        supports: ['Idempotency-Key'],
        body: NewUser,
        response: { 201: IdBody, ...problems(400, 409, 422, 429, 503) },
      },
    },
    (request, reply) =>
      createOnce(idempotency, request, reply, created, async (records) => {
        const { name, email, password } = request.body
        const passwordHash = await passwords.hash(password, [clientNetworkOf(request)])
        return users.create({ name, email, passwordHash, owner: rowAccessOf(request.raw).owner }, records)
      }),
  )

  getById(app, {
    url: '/users/:id',
    schema: {
      tags,
      operationId: 'getUser',
      summary: 'Get a user',
      description: 'The name and the email; never the password or its hash.',
      params: UserPath,
      response: { 200: UserBody, ...problems(404) },
    },
    parse: readId,
    find: users.find,
    represent: representEntry,
    ownerOf: ({ owner = null }) => owner,
    mayRead: mayReadOwned,
    notFound: userNotFound,
  })

  app.patch(
    '/users/:id',
    {
      schema: {
        tags,
        operationId: 'changeUser',
        summary: 'Change the name or the email of a user',
        description: 'Changes the members that are given, and returns the whole user.',
        params: UserPath,
        body: UserPatch,
        response: { 200: UserBody, ...problems(400, 404, 409, 412, 422, 503) },
      },
    },
    async (request, reply) => {
      const id = parseId(request.params.id, userNotFound)
      const { id: given = id, ...change } = request.body
      if (given !== id) throw invalid({ id: 'id must be the one in the path, or be left out.' })
      if (Object.keys(change).length === 0)
        throw invalid({ body: 'The body must have a name, an email or both.' })
      const right = rightToChange(request)
      const update = (version?: number) => users.change(id, change, { version, right })
      sendEntry(reply, await changeIfMatch(request, preconditionOf(id, right), update))
    },
  )

  app.delete(
    '/users/:id',
    {
      schema: {
        tags,
        operationId: 'deleteUser',
        summary: 'Delete a user and its certificates',
        description: 'Deletes the user, with its certificates and their private keys.',
        params: UserPath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const id = parseId(request.params.id, userNotFound)
      const right = rightToChange(request)
      const remove = (version?: number) => users.delete(id, { version, right })
      await changeIfMatch(request, preconditionOf(id, right), remove)
      reply.code(204).send(null)
    },
  )

  function preconditionOf(id: number, right: Right) {
    return { noun: 'user', notFound: userNotFound, find: () => users.expect(id, right) }
  }
}

const created = createdResponse('/users', `{"id":${pendingId}}`)
