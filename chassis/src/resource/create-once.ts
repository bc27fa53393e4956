import type { FastifyReply, FastifyRequest, Idempotency, IdempotencyTarget } from '../http/index.ts'
import { etagOf, jsonType } from '../http/index.ts'
import { valuePlaceholder, withId } from '../idempotency/index.ts'
import type { IdempotencyRecord, RecordedResponse } from '../idempotency/index.ts'

/** Stands in a response for the id that the database will assign. */
export const pendingId = valuePlaceholder

/**
 * A 201 response with the representation of a new row. The database assigns the id, so `body` and `Location` contain
 * `pendingId` in its place, and the response can be recorded in the unit that inserts the row.
 */
export function createdResponse(path: string, body: string): RecordedResponse {
  return {
    status: 201,
    headers: { 'content-type': jsonType, location: `${path}/${pendingId}`, etag: etagOf(1) },
    body,
  }
}

/**
 * Creates a row once per Idempotency-Key. `insert` stores the records in the unit of the row, and returns its id. `target` is the
 * resource that the request is sent to, where that may be missing or its body has several notations.
 */
export function createOnce(
  idempotency: Idempotency,
  request: FastifyRequest,
  reply: FastifyReply,
  response: RecordedResponse,
  insert: (records: readonly IdempotencyRecord[]) => Promise<number | string>,
  target?: IdempotencyTarget,
): Promise<void> {
  return idempotency.once(
    request,
    reply,
    async (record) => withId(response, await insert(record(response))),
    target,
  )
}
