import { AppError } from '@quintet/chassis/errors'
import { problems, requireConditions } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { Parts } from './route-parts.ts'
import { IdBody, Login } from './schemas.ts'

export function loginRoutes(app: App, { users, passwords }: Parts): void {
  app.post(
    '/users/login',
    {
      schema: {
        tags: ['users'],
        operationId: 'verifyPassword',
        summary: 'Verify a password',
        description:
          'Returns the id of the user with this email and password. An unknown email and a wrong password get the same response.',
        body: Login,
        response: { 200: IdBody, ...problems(400, 401, 422, 503) },
      },
    },
    async (request) => {
      requireConditions(request)
      const { id, passwordHash } = await verify(request.body)
      if (passwords.isOutdated(passwordHash))
        await upgrade(id, passwordHash, request.body.password).catch((err: unknown) =>
          request.log.warn(
            { err, requestId: request.id },
            'an outdated password hash was not replaced; the next login retries',
          ),
        )
      return { id }
    },
  )

  async function verify({ email, password }: Login): Promise<{ id: number; passwordHash: string }> {
    const user = await users.findHash(email)
    const isCorrect = await passwords.verify(password, user?.passwordHash)
    if (user === undefined || !isCorrect) throw loginRefused()
    return user
  }

  async function upgrade(id: number, passwordHash: string, password: string): Promise<void> {
    await users.upgradeHash(id, passwordHash, await passwords.hash(password))
  }
}

const loginRefused = () =>
  new AppError('unauthorized', 'The email or the password is wrong.', {
    headers: { 'www-authenticate': 'Password realm="users"' },
  })
