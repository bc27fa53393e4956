import { engineUrl } from '@quintet/chassis/testing'

/** Runs the unchanged tests of the service on DynamoDB, with Redis as the cache if it is running. */
const server = engineUrl('dynamodb')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  process.env.TEST_CACHE = engineUrl('redis') ?? 'none:'
  await import('./conformance.test.ts')
  await import('./account-store.test.ts')
  await import('./form-requests.test.ts')
  await import('./ledger.test.ts')
  await import('./ownership.test.ts')
  await import('./promises.test.ts')
  await import('./slow/promises.test.ts')
  await import('./repeated-outcomes.test.ts')
  await import('./routes.test.ts')
}
