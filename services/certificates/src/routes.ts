import { setTimeout as after } from 'node:timers/promises'
import type { Entry } from '@quintet/chassis/cache'
import { etagOf } from '@quintet/chassis/http'
import type { App, FastResponse, FastPath } from '@quintet/chassis/http'
import { certificateRoutes } from './certificate-routes.ts'
import { isId } from './ids.ts'
import type { Parts } from './route-parts.ts'
import { HealthBody } from './schemas.ts'
import { userRoutes } from './user-routes.ts'
import type { UserStore } from './user-store.ts'

/** The wire of the certificates service. */
export function certificatesRoutes(app: App, parts: Parts): void {
  userRoutes(app, parts)
  certificateRoutes(app, parts)

  app.get(
    '/healthcheck',
    {
      schema: {
        tags: ['operation'],
        operationId: 'checkDatabase',
        summary: 'Do the service and its database answer?',
        response: { 200: HealthBody },
      },
    },
    async () => ({ api: 1 as const, database: (await answers(parts.ping)) ? (1 as const) : (0 as const) }),
  )
}

/** Users by their path, the hottest answer of all. */
export function userFastPath(users: UserStore): FastPath {
  const prefix = '/users/'
  return (path) => {
    const id = path.startsWith(prefix) ? path.slice(prefix.length) : ''
    if (!isId(id)) return undefined
    const found = users.find(Number(id))
    return found instanceof Promise ? found.then(fastResponseOf) : fastResponseOf(found)
  }
}

const pingTimeoutMs = 1_000

function fastResponseOf(entry: Entry | undefined): FastResponse | undefined {
  return entry && { route: '/users/:id', etag: etagOf(entry.version), body: entry.text }
}

async function answers(ping: () => Promise<void>): Promise<boolean> {
  const given = new AbortController()
  const late = after(pingTimeoutMs, false, { signal: given.signal, ref: false }).catch(() => false)
  const answered = await Promise.race([
    ping().then(
      () => true,
      () => false,
    ),
    late,
  ])
  given.abort()
  return answered
}
