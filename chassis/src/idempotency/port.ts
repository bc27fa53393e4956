import { valuePlaceholder } from '../database/index.ts'
import { AppError } from '../errors/index.ts'

/** A whole response, as it can be stored and sent again. */
export type RecordedResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * A response to be stored for retries. Where it has `valuePlaceholder`, it is the id of the new row, which only the database
 * can assign.
 */
export type IdempotencyRecord = {
  /** Of the request: its method, its path and its key. */
  readonly id: string
  readonly fingerprint: string
  readonly response: RecordedResponse
  readonly createdAtMs: number
}

export type FoundRecord = Pick<IdempotencyRecord, 'fingerprint' | 'response'>

/**
 * Makes the records that a store inserts in the unit of the effect, so that both are stored or neither is; none when the
 * request has no key. The store rejects with `DuplicateRequest`, and so does the handler, when another request with the key
 * was recorded meanwhile.
 */
export type ResponseRecorder = (response: RecordedResponse) => readonly IdempotencyRecord[]

/** Another request with the same key was recorded first. */
export class DuplicateRequest extends Error {}

/** Where responses are recorded: in the database that their effects are in. */
export type IdempotencyStore = {
  /** The response recorded under this id after `sinceMs`. */
  find(id: string, sinceMs: number): Promise<FoundRecord | undefined>
  /** Records a response that has no effect; rejects with `DuplicateRequest` if there is one under the id. */
  insert(record: IdempotencyRecord): Promise<void>
  /** Removes records from before `sinceMs`, at most `limit`; resolves to their number. */
  removeOlder(sinceMs: number, limit: number): Promise<number>
}

/** How long a key is valid. */
export const idempotencyRetentionMs = 24 * 3_600_000

/** The response with the id in the place of `valuePlaceholder`. */
export function withId({ status, headers, body }: RecordedResponse, id: string | number): RecordedResponse {
  const complete = (text: string) => text.replaceAll(valuePlaceholder, String(id))
  const entries = Object.entries(headers).map(([name, text]) => [name, complete(text)])
  return { status, headers: Object.fromEntries(entries), body: complete(body) }
}

/** The refusal of a request while another with its key is in progress. */
export function requestInProgress(): AppError {
  return new AppError('idempotency_in_flight', 'A request with this Idempotency-Key is in progress.', {
    retryAfterSeconds: 1,
  })
}
