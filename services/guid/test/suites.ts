import type { EngineName } from '@quintet/backends'
import { engineUrl } from '@quintet/chassis/testing'

/** Runs the tests of the service, as they are, over an engine that is here. */
export async function runSuitesOver(name: EngineName): Promise<void> {
  const server = engineUrl(name)
  if (server === undefined) return
  process.env.TEST_DATABASE = server
  await import('./cache-away.test.ts')
  await import('./concurrency.test.ts')
  await import('./events.test.ts')
  await import('./guid.test.ts')
  await import('./operations.test.ts')
  await import('./routes.test.ts')
}
