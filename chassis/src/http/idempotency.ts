import { createHash, createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock/index.ts'
import { AppError, invalid } from '../errors/index.ts'
import { DuplicateRequest, idempotencyRetentionMs, requestInProgress } from '../idempotency/index.ts'
import type {
  RecordedResponse,
  IdempotencyStore,
  FoundRecord,
  ResponseRecorder,
} from '../idempotency/index.ts'
import { problemType } from './negotiation.ts'
import { problemDocument } from './problem.ts'

export type Idempotency = {
  /** Runs `act` once for each Idempotency-Key, and sends its answer or the one that is kept. */
  once(
    request: FastifyRequest,
    reply: FastifyReply,
    act: (record: ResponseRecorder) => Promise<RecordedResponse>,
  ): Promise<void>
  /** Forgets answers older than 24 hours, `limit` at most; resolves to how many went. */
  sweep(limit: number): Promise<number>
}

const keyLengthMax = 255
/** A refusal that would be the same at once may be another later; kept, so that a retry has one answer. */
const recordedRefusals = new Set([404, 409, 412, 422])

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), kept with what the service keeps: the same key
 * and request get the stored answer, the same key with another request 422, a key still at work 409.
 */
export function createIdempotency(options: {
  store: IdempotencyStore
  clock: Clock
  detailAlias?: 'error' | 'description' | 'message'
  /** How a refusal is answered where it is no problem document; undefined where it is one. */
  refusalResponse?: (error: AppError, request: FastifyRequest) => RecordedResponse | undefined
  /** For requests that hold passwords: without it, a fingerprint that is kept would let them be guessed at full speed. */
  fingerprintKey?: Uint8Array
}): Idempotency {
  const { store, clock, detailAlias, refusalResponse, fingerprintKey } = options
  const inFlight = new Set<string>()
  const since = () => clock.now() - idempotencyRetentionMs

  async function actOnce(
    id: string,
    fingerprint: string,
    request: FastifyRequest,
    act: Act,
  ): Promise<RecordedResponse> {
    const found = await store.find(id, since())
    if (found !== undefined) return replayed(found, fingerprint)
    const recordOf = (response: RecordedResponse) => ({ id, fingerprint, response, createdAtMs: clock.now() })
    try {
      return await act((response) => [recordOf(response)]).catch(async (error: unknown) => {
        if (!(error instanceof AppError) || !recordedRefusals.has(error.status)) throw error
        const refusal = refusalResponse?.(error, request) ?? problemResponse(error, request, detailAlias)
        await store.insert(recordOf(refusal))
        return refusal
      })
    } catch (error) {
      // Of the effect, or of a refusal that was to be kept.
      if (!(error instanceof DuplicateRequest)) throw error
      const other = await store.find(id, since())
      if (other === undefined) throw requestInProgress()
      return replayed(other, fingerprint)
    }
  }

  return {
    async once(request, reply, act) {
      const key = idempotencyKeyOf(request)
      if (key === undefined) return sendResponse(reply, await act(() => []))
      const id = hash(`${request.method} ${request.url.split('?', 1)[0]} ${key}`)
      if (inFlight.has(id)) throw requestInProgress()
      inFlight.add(id)
      try {
        const fingerprint = fingerprintOf(JSON.stringify(request.body ?? null), fingerprintKey)
        sendResponse(reply, await actOnce(id, fingerprint, request, act))
      } finally {
        inFlight.delete(id)
      }
    },
    sweep: (limit) => store.removeOlder(since(), limit),
  }
}

type Act = (record: ResponseRecorder) => Promise<RecordedResponse>

/** The answer as it stands for a request that came before. */
function replayed({ fingerprint: kept, response }: FoundRecord, fingerprint: string): RecordedResponse {
  if (kept !== fingerprint)
    throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
  return { ...response, headers: { ...response.headers, 'idempotency-replayed': 'true' } }
}

/** The Idempotency-Key of a request, if it has one; one that cannot be a key is refused. */
export function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && key.length > 0 && key.length <= keyLengthMax && /^[\x20-\x7e]+$/.test(key))
    return key
  throw invalid({
    'Idempotency-Key': `Idempotency-Key must be 1 to ${keyLengthMax} printable ASCII characters.`,
  })
}

function problemResponse(
  error: AppError,
  request: FastifyRequest,
  alias: 'error' | 'description' | 'message' | undefined,
): RecordedResponse {
  return {
    status: error.status,
    headers: { ...error.headers, 'content-type': problemType(request) },
    body: JSON.stringify(problemDocument(error, request.id, alias)),
  }
}

/** Sends an answer as it stands. */
export function sendResponse(reply: FastifyReply, { status, headers, body }: RecordedResponse): void {
  reply.code(status).headers(headers).send(body)
}

function fingerprintOf(text: string, key: Uint8Array | undefined): string {
  return key === undefined ? hash(text) : createHmac('sha256', key).update(text).digest('hex')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
