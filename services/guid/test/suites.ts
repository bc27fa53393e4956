import type { EngineName } from '@quintet/backends'
import { engineUrl } from '@quintet/chassis/testing'

/** Runs the tests of the service on an engine, if that is available. */
export async function runSuitesOver(name: EngineName): Promise<void> {
  const server = engineUrl(name)
  if (server === undefined) return
  process.env.TEST_DATABASE = server
  await import('./cache-unavailable.test.ts')
  await import('./concurrency.test.ts')
  await import('./conformance.test.ts')
  await import('./events.test.ts')
  await import('./expiry.test.ts')
  await import('./guid.test.ts')
  await import('./migrations.test.ts')
  await import('./operations.test.ts')
  await import('./ownership.test.ts')
  await import('./routes.test.ts')
  await import('./versions.test.ts')
  // A cache in memory is not used beside a server.
  const cache = engineUrl('redis')
  if (cache === undefined) return
  process.env.TEST_CACHE = cache
  await import('./promises.test.ts')
  await import('./slow/promises.test.ts')
}
