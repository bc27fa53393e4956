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
} from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { Parts } from './route-parts.ts'
import { IdBody, NewUser, UserBody, UserPath } from './schemas.ts'
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
        return users.create(
          { name, email, passwordHash: await passwords.hash(password, [clientNetworkOf(request)]) },
          records,
        )
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
    notFound: userNotFound,
  })

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
      const precondition = { noun: 'user', notFound: userNotFound, find: () => users.find(id) }
      await changeIfMatch(request, precondition, () => users.delete(id))
      reply.code(204).send(null)
    },
  )
}

const created = createdResponse('/users', `{"id":${pendingId}}`)
