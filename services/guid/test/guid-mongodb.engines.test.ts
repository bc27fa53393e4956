import { engineUrl } from '@quintet/chassis/testing'

/** The tests of the service, as they are, over MongoDB. */
const server = engineUrl('mongodb')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  await import('./cache-away.test.ts')
  await import('./concurrency.test.ts')
  await import('./events.test.ts')
  await import('./guid.test.ts')
  await import('./operations.test.ts')
  await import('./routes.test.ts')
}
