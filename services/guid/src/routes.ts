import type { Clock } from '@quintet/chassis/clock'
import type { EngineClock } from '@quintet/chassis/database'
import type { App, Idempotency } from '@quintet/chassis/http'
import type { EventStream } from '@quintet/chassis/queue'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { eventRoutes } from './event-routes.ts'
import { guidListRoutes } from './guid-list-routes.ts'
import { operationRoutes } from './operation-routes.ts'
import type { OperationStore } from './port.ts'
import { registrationRoutes } from './registration-routes.ts'
import { singleGuidRoutes } from './single-guid-routes.ts'

/** The routes of the guid service. */
export function guidRoutes(
  app: App,
  parts: {
    guids: CachedGuidStore
    operations: OperationStore
    idempotency: Idempotency
    clock: Clock
    engineClock: EngineClock
    guidVersion: '4' | '7'
    queue: Pick<EventStream, 'readStream'>
  },
): void {
  registrationRoutes(app, parts)
  singleGuidRoutes(app, parts)
  guidListRoutes(app, parts)
  operationRoutes(app, parts)
  eventRoutes(app, parts)
}
