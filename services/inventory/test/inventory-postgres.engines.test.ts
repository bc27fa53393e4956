import { engineUrl } from '@quintet/chassis/testing'

/** The tests of the service, as they are, over PostgreSQL. */
const server = engineUrl('postgres')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  await import('./concurrency.test.ts')
  await import('./conformance.test.ts')
  await import('./earlier-writer.test.ts')
  await import('./routes.test.ts')
  // A cache in memory is not used beside a server.
  const cache = engineUrl('redis')
  if (cache !== undefined) {
    process.env.TEST_CACHE = cache
    await import('./promises.test.ts')
    await import('./slow/promises.test.ts')
  }
}
