import { engineUrl } from '@quintet/chassis/testing'

/** The tests of the service, as they are, over PostgreSQL. */
const server = engineUrl('postgres')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  await import('./certificate-store.test.ts')
  await import('./certificates.test.ts')
  await import('./notifications.test.ts')
  await import('./users.test.ts')
}
