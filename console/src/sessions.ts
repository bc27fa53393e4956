import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'

/** Who uses the console, and what for. */
export type Visitor = { readonly who: string; readonly scopes: ReadonlySet<string> }
/** What an issuer's token or an API key is sent by, which is examined again with each request; undefined for the token of the console. */
export type Credentials = Readonly<
  Partial<Record<'authorization' | 'x-api-key', string | string[] | undefined>>
>
type Session = {
  readonly visitor: Visitor
  readonly credentials: Credentials | undefined
  readonly expiresAt: number
}

const lifetimeMs = 12 * 3_600_000
const sessionsMax = 1_000

/** Sessions of browsers, by what their cookie has. They are forgotten when the process ends. */
export function createSessions(clock: Clock) {
  // By the hash, so that a look-up takes no time that depends on the id.
  const sessions = new Map<string, Session>()

  return {
    /** Gives the value of the cookie, and for how long it is good. */
    begin(
      visitor: Visitor,
      credentials: Credentials | undefined,
      until = Number.POSITIVE_INFINITY,
    ): { readonly id: string; readonly maxAgeSeconds: number } {
      const now = clock.now()
      for (const [key, { expiresAt }] of sessions) if (expiresAt <= now) sessions.delete(key)
      const [oldest] = sessions.keys()
      if (sessions.size >= sessionsMax && oldest !== undefined) sessions.delete(oldest)
      const id = randomBytes(32).toString('base64url')
      const expiresAt = Math.min(now + lifetimeMs, until)
      sessions.set(keyOf(id), { visitor, credentials, expiresAt })
      return { id, maxAgeSeconds: Math.floor((expiresAt - now) / 1_000) }
    },
    find(id: string): Pick<Session, 'visitor' | 'credentials'> | undefined {
      const session = sessions.get(keyOf(id))
      return session !== undefined && session.expiresAt > clock.now() ? session : undefined
    },
    end(id: string): void {
      sessions.delete(keyOf(id))
    },
  }
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
