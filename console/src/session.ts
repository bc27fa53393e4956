import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { ConsoleGuard } from './guard.ts'
import type { Visitor } from './sessions.ts'
import { Session } from './wire/index.ts'

const operation = describeOperations('session')

/** What the page shows of the system besides its state. */
type About = {
  readonly version: string
  readonly docsUrl: () => string
  readonly keeps: string
  readonly collections: () => Promise<Session['collections']>
}

/** Who uses the console, and how a browser becomes somebody. */
export function addSession(app: App, guard: ConsoleGuard, about: About): void {
  /** Nobody in particular sees what every page needs, and nothing of the system. */
  const sessionOf = async (visitor: Visitor | undefined, byCookie: boolean): Promise<Session> => ({
    mode: guard.mode,
    who: visitor?.who ?? '',
    isSignedIn: visitor !== undefined,
    byCookie: visitor !== undefined && byCookie,
    version: visitor === undefined ? '' : about.version,
    docsUrl: visitor === undefined ? '' : about.docsUrl(),
    keeps: visitor === undefined ? '' : about.keeps,
    collections: visitor === undefined ? [] : await about.collections(),
  })

  app.get(
    '/api/session',
    operation('getSession', 'Get what a page needs before anything else', {
      description: 'Also without a token, when all but the mode is empty.',
      scope: 'public',
      response: { 200: Session },
    }),
    async (request) => sessionOf(guard.visitorOf(request), guard.hasSession(request)),
  )

  app.post(
    '/api/session',
    operation('signIn', 'Begin a session', {
      description:
        'Takes CONSOLE_TOKEN, a token of an issuer that AUTH_ISSUER names, or an API key. The session is a cookie of twelve hours, or of as long as the token is valid.',
      scope: 'public',
      body: Type.Object(
        { token: Type.String({ minLength: 1, maxLength: 8_192 }) },
        { additionalProperties: false },
      ),
      response: { 200: Session, ...problems(400, 401, 403, 415, 429) },
    }),
    async (request, reply) =>
      sessionOf(await guard.signIn(request, reply, request.body.token), !guard.isOpen),
  )

  app.delete(
    '/api/session',
    operation('signOut', 'End the session', {
      scope: 'public',
      response: { 204: Type.Null({ description: 'There is no session any more.' }), ...problems(403, 415) },
    }),
    async (request, reply) => {
      guard.signOut(request, reply)
      return reply.code(204).send(null)
    },
  )
}
