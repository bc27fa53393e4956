import { valuePlaceholder } from '../database/index.ts'
import { AppError } from '../errors/index.ts'

/** An answer whole, as it can be kept and given again. */
export type RecordedResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * An answer to be kept for who asks again. Where it has `pending`, it stands for the id of what the request makes, which
 * only the store knows.
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
 * What a handler gives its store to keep in the unit of the effect, so that effect and answer are kept together or not at
 * all; nothing when the request has no key. The store rejects with `DuplicateRequest`, as the handler then does, when the
 * key was kept by another meanwhile.
 */
export type ResponseRecorder = (answer: RecordedResponse) => readonly IdempotencyRecord[]

/** The same key arrived twice at once, and the other one was first. */
export class DuplicateRequest extends Error {}

/** Where answers are kept: with what they tell of. */
export type IdempotencyStore = {
  /** The answer that was kept under this id after `sinceMs`. */
  find(id: string, sinceMs: number): Promise<FoundRecord | undefined>
  /** Keeps an answer that has no effect beside it; rejects with `DuplicateRequest` where there is one already. */
  insert(record: IdempotencyRecord): Promise<void>
  /** Forgets what was kept before `sinceMs`, `limit` answers at most; resolves to how many went. */
  removeOlder(sinceMs: number, limit: number): Promise<number>
}

/** How long a key stands for its request. */
export const idempotencyRetentionMs = 24 * 3_600_000

/** The answer with the value where `pending` stood. */
export function withId(
  { status, headers, body }: RecordedResponse,
  value: string | number,
): RecordedResponse {
  const complete = (text: string) => text.replaceAll(valuePlaceholder, String(value))
  const entries = Object.entries(headers).map(([name, text]) => [name, complete(text)])
  return { status, headers: Object.fromEntries(entries), body: complete(body) }
}

/** How a request is refused whose key is with another that has no answer yet. */
export function requestInProgress(): AppError {
  return new AppError('idempotency_in_flight', 'A request with this Idempotency-Key is still at work.', {
    retryAfterSeconds: 1,
  })
}
