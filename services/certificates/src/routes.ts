import { withTimeout } from '@quintet/chassis/clock'
import type { App } from '@quintet/chassis/http'
import { certificateListRoutes } from './certificate-list-routes.ts'
import { certificateRoutes } from './certificate-routes.ts'
import { loginRoutes } from './login-routes.ts'
import { notificationRoutes } from './notification-routes.ts'
import type { Parts } from './route-parts.ts'
import { HealthBody } from './schemas.ts'
import { userRoutes } from './user-routes.ts'

/** The HTTP interface of the certificates service. */
export function certificatesRoutes(app: App, parts: Parts): void {
  userRoutes(app, parts)
  loginRoutes(app, parts)
  certificateRoutes(app, parts)
  certificateListRoutes(app, parts)
  notificationRoutes(app, parts)

  app.get(
    '/healthcheck',
    {
      schema: {
        tags: ['operation'],
        scope: 'public',
        operationId: 'checkDatabase',
        summary: 'Get whether the service and its database respond',
        description: '`database` is 0 while the database does not respond; the status is 200 in any case.',
        response: { 200: HealthBody },
      },
    },
    async () => ({ api: 1 as const, database: (await responds(parts.ping)) ? (1 as const) : (0 as const) }),
  )
}

const pingTimeoutMs = 1_000

function responds(ping: () => Promise<void>): Promise<boolean> {
  return withTimeout(pingTimeoutMs, ping()).then(
    () => true,
    () => false,
  )
}
