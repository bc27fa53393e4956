import { engineUrl } from '@quintet/chassis/testing'

/** The tests of the service, as they are, over the protocol of DynamoDB, with Redis beside it where that is here. */
const server = engineUrl('dynamodb')
if (server !== undefined) {
  process.env.TEST_DATABASE = server
  process.env.TEST_CACHE = engineUrl('redis') ?? 'none:'
  await import('./account-store.test.ts')
  await import('./form-dialect.test.ts')
  await import('./ledger.test.ts')
  await import('./routes.test.ts')
}
