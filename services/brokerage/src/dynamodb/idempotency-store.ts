import { randomUUID } from 'node:crypto'
import { DuplicateRequest, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import { packed, textOf } from './items.ts'
import type { DynamodbConnection, Key, Put } from './connection.ts'
import { removableAt } from './table.ts'

/** Idempotency records in the table of the accounts, whose time to live removes them. */
export function createDynamodbIdempotencyStore(connection: DynamodbConnection): IdempotencyStore {
  return {
    async find(id, sinceMs) {
      const item = await connection.get(keyOf(id))
      if (item === undefined || Number(item.created_at?.N) <= sinceMs) return undefined
      const headers: Record<string, string> = JSON.parse(item.headers?.S ?? '{}')
      const response = { status: Number(item.answer_status?.N), headers, body: textOf(item.body) }
      return { fingerprint: item.fingerprint?.S ?? '', response }
    },
    async insert(record) {
      const unit = randomUUID()
      const failed = await connection.transact([recordPut(record, unit)], unit)
      if (failed.length > 0) throw new DuplicateRequest()
    },
    removeOlder: async () => 0,
  }
}

/** Writes a record, in the transaction of its effect where there is one. Replaces only an expired record of the same key. */
export function recordPut({ id, fingerprint, response, createdAtMs }: IdempotencyRecord, unit: string): Put {
  const { pk, sk } = keyOf(id)
  return {
    item: {
      pk: { S: pk },
      sk: { S: sk },
      unit: { S: unit },
      fingerprint: { S: fingerprint },
      answer_status: { N: String(response.status) },
      headers: { S: JSON.stringify(response.headers) },
      body: packed(response.body),
      created_at: { N: String(createdAtMs) },
      [removableAt]: { N: String(Math.ceil((createdAtMs + idempotencyRetentionMs) / 1000)) },
    },
    condition: 'attribute_not_exists(pk) or created_at <= :since',
    values: { ':since': { N: String(createdAtMs - idempotencyRetentionMs) } },
  }
}

function keyOf(id: string): Key {
  return { pk: `ANSWER#${id}`, sk: 'ANSWER' }
}
