import { DuplicateRequest, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import type { IdempotencyStore, IdempotencyRecord } from '@quintet/chassis/idempotency'
import { packed, textOf } from './items.ts'
import type { DynamodbConnection, Put } from './connection.ts'
import { removableAt } from './table.ts'

/** Kept answers in the table of the accounts, which removes by itself those that have had their day. */
export function createDynamodbIdempotencyStore(link: DynamodbConnection): IdempotencyStore {
  return {
    async find(id, sinceMs) {
      const item = await link.get(keyOf(id))
      if (item === undefined || Number(item.created_at?.N) <= sinceMs) return undefined
      const headers: Record<string, string> = JSON.parse(item.headers?.S ?? '{}')
      const response = { status: Number(item.answer_status?.N), headers, body: textOf(item.body) }
      return { fingerprint: item.fingerprint?.S ?? '', response }
    },
    async insert(kept) {
      if (!(await link.put(answerPut(kept)))) throw new DuplicateRequest()
    },
    removeOlder: async () => 0,
  }
}

/** To be put with what the answer tells of. A key that has outlived its day is taken over; a living one stands against it. */
export function answerPut({ id, fingerprint, response, createdAtMs }: IdempotencyRecord, unit = ''): Put {
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

function keyOf(id: string) {
  return { pk: `ANSWER#${id}`, sk: 'ANSWER' }
}
