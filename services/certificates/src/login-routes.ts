import { AppError } from '@quintet/chassis/errors'
import { clientNetworkOf, limitLogin, problems, requireConditions } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { emailKeyOf } from './email-key.ts'
import type { Parts } from './route-parts.ts'
import { IdBody, Login } from './schemas.ts'

export function loginRoutes(app: App, { credentials, passwords }: Parts): void {
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
        response: { 200: IdBody, ...problems(400, 401, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      requireConditions(request, {})
      const { email, password } = request.body
      const account = emailKeyOf(email) ?? ''
      await limitLogin(app, request, reply, account)
      const parties = [clientNetworkOf(request), `account ${account}`]
      const { id, passwordHash } = await verify(request.body, parties)
      if (passwords.isOutdated(passwordHash))
        await upgrade({ id, passwordHash, password, parties }).catch((err: unknown) =>
          request.log.warn(
            { err, requestId: request.id },
            'an outdated password hash was not replaced; the next login retries',
          ),
        )
      return { id }
    },
  )

  async function verify({ email, password }: Login, parties: readonly string[]): Promise<StoredHash> {
    const user = await credentials.find(email)
    const isCorrect = await passwords.verify(password, user?.passwordHash, parties)
    if (user === undefined || !isCorrect) throw loginRefused()
    return user
  }

  async function upgrade(from: StoredHash & { password: string; parties: readonly string[] }): Promise<void> {
    const { id, passwordHash, password, parties } = from
    await credentials.upgrade(id, passwordHash, await passwords.hash(password, parties))
  }
}

type StoredHash = { id: number; passwordHash: string }

const loginRefused = () =>
  new AppError('unauthorized', 'The email or the password is wrong.', {
    headers: { 'www-authenticate': 'Password realm="users"' },
  })
