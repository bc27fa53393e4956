import { createDynamodbAccountStore } from './account-store.ts'
import { createDynamodbIdempotencyStore } from './idempotency-store.ts'
import { openDynamodbConnection } from './connection.ts'
import { openDuplicateHints } from '../duplicate-hints.ts'
import type { Storage } from '../port.ts'

/** One table of DynamoDB, which need not be there yet; repetitions are found faster where the cache is in Redis. */
export function openDynamodbStorage(url: string, cacheUrl: string): Storage {
  const link = openDynamodbConnection(url)
  const hints = openDuplicateHints(cacheUrl, `quintet:brokerage:${link.table}:like:`)
  return {
    accounts: createDynamodbAccountStore(link, hints),
    idempotencyStore: createDynamodbIdempotencyStore(link),
    async ping() {
      await link.get({ pk: 'COUNTER', sk: 'ACCOUNT' })
    },
    async close() {
      hints.close()
      link.close()
    },
  }
}
