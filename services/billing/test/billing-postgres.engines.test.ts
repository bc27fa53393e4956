import { engineUrl } from '@quintet/chassis/testing'

/** The tests of the service, as they are, over PostgreSQL. */
const server = engineUrl('postgres')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  await import('./conformance.test.ts')
  await import('./consumer.test.ts')
  await import('./ownership.test.ts')
  await import('./promises.test.ts')
  await import('./slow/promises.test.ts')
  await import('./routes.test.ts')
}
