import { test } from 'node:test'
import { testAbsences } from './conformance/absences.ts'
import { testConditions } from './conformance/conditions.ts'
import { testCreation } from './conformance/creation.ts'
import { testIdempotency } from './conformance/idempotency.ts'
import { testPages } from './conformance/pages.ts'
import { testReads } from './conformance/reads.ts'
export { hostileCursors } from './conformance/pages.ts'
import type { ConformingService, RunningService, Suite } from './conformance/suite.ts'

/**
 * What clients may expect of every resource of every service: errors, methods, negotiation, conditional requests, idempotency
 * keys, pages and text. A service runs it with its own nouns.
 */
export function testConformance<World extends RunningService>(service: ConformingService<World>): void {
  for (const [name, resource] of Object.entries(service.resources)) {
    const suite: Suite = {
      service,
      resource,
      test: (title, body) =>
        test(`${name}: ${title}`, async (t) => {
          const world = await service.start(t)
          await resource.prepare?.(world)
          await body({ ...world, add: (n) => resource.add(world, n) })
        }),
    }
    testReads(suite)
    testConditions(suite)
    testCreation(suite)
    testIdempotency(suite)
    testPages(suite)
    testAbsences(suite)
  }
}
