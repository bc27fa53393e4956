import { exportOperationDurations } from '@quintet/chassis/database'
import type { Metrics } from '@quintet/chassis/telemetry'
import { createDynamodbAccountStore } from './account-store.ts'
import { createDynamodbIdempotencyStore } from './idempotency-store.ts'
import { openDynamodbConnection } from './connection.ts'
import { openDuplicateHints } from '../duplicate-hints.ts'
import type { Storage } from '../port.ts'
import { counterKey } from './items.ts'

/** Storage in one table of DynamoDB, which need not exist yet, with hints about duplicates in Redis where that is the cache. */
export function openDynamodbStorage(url: string, cacheUrl: string, metrics?: Metrics): Storage {
  const durations = metrics && exportOperationDurations(metrics, 'aws.dynamodb')
  const connection = openDynamodbConnection(url, durations)
  const hints = openDuplicateHints(cacheUrl, `quintet:brokerage:${connection.table}:like:`)
  return {
    accounts: createDynamodbAccountStore(connection, hints),
    idempotencyStore: createDynamodbIdempotencyStore(connection),
    async ping() {
      await connection.get(counterKey)
    },
    async close() {
      hints.close()
      connection.close()
    },
  }
}
