import { engineUrl } from '@quintet/chassis/testing'

/** Runs the unchanged tests of the service on PostgreSQL. */
const server = engineUrl('postgres')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  await import('./expiry-notices.test.ts')
  await import('./certificates.test.ts')
  await import('./conformance.test.ts')
  await import('./notifications.test.ts')
  await import('./ownership.test.ts')
  await import('./promises.test.ts')
  await import('./slow/promises.test.ts')
  await import('./user-change.test.ts')
  await import('./user-deletion.test.ts')
  await import('./certificate-deletion.test.ts')
  await import('./users.test.ts')
}
