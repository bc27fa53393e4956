import { setTimeout as after } from 'node:timers/promises'
import type { App } from '@quintet/chassis/http'
import { certificateRoutes } from './certificate-routes.ts'
import type { Parts } from './route-parts.ts'
import { HealthBody } from './schemas.ts'
import { userRoutes } from './user-routes.ts'

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

const pingTimeoutMs = 1_000

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
