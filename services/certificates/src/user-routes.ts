import { AppError } from '@quintet/chassis/errors'
import { parseIfMatch, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import {
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
import { IdBody, Login, NewUser, UserBody, UserPath } from './schemas.ts'
import { userNotFound } from './user-store.ts'

const tags = ['users']

/** The wire of users. */
export function userRoutes(app: App, { users, idempotency, passwords }: Parts): void {
  app.post(
    '/users',
    {
      schema: {
        tags,
        operationId: 'addUser',
        summary: 'Add a user',
        body: NewUser,
        response: { 201: IdBody, ...problems(400, 409, 422, 503) },
      },
    },
    (request, reply) =>
      createOnce(idempotency, request, reply, created, async (records) => {
        const { name, email, password } = request.body
        return users.create({ name, email, passwordHash: await passwords.hash(password) }, records)
      }),
  )

  app.post(
    '/users/login',
    {
      schema: {
        tags,
        operationId: 'verifyPassword',
        summary: 'Verify a password',
        description:
          'Tells the id of the user who has this email and password. An unknown email and a wrong password are refused alike.',
        body: Login,
        response: { 200: IdBody, ...problems(400, 401, 422, 503) },
      },
    },
    async (request) => {
      const { id, passwordHash } = await login(request.body)
      if (passwords.isOutdated(passwordHash))
        await upgrade(id, passwordHash, request.body.password).catch((err: unknown) =>
          request.log.warn({ err, requestId: request.id }, 'a password hash is upgraded at the next login'),
        )
      return { id }
    },
  )

  getById(app, {
    url: '/users/:id',
    schema: {
      tags,
      operationId: 'getUser',
      summary: 'Get a user',
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
        description: 'Understands If-Match.',
        params: UserPath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      await users.delete(parseId(request.params.id, userNotFound), parseIfMatch(request.headers['if-match']))
      reply.code(204).send(null)
    },
  )

  async function login({ email, password }: Login): Promise<{ id: number; passwordHash: string }> {
    const known = await users.findHash(email)
    const isSame = await passwords.verify(password, known?.passwordHash)
    if (known === undefined || !isSame) throw loginRefused()
    return known
  }

  async function upgrade(id: number, passwordHash: string, password: string): Promise<void> {
    await users.upgradeHash(id, passwordHash, await passwords.hash(password))
  }
}

const created = createdResponse('/users', `{"id":${pendingId}}`)

const loginRefused = () =>
  new AppError('unauthorized', 'The email or the password is wrong.', {
    headers: { 'www-authenticate': 'Password realm="users"' },
  })
