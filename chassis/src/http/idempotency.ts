import { createHash, createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock/index.ts'
import { AppError, invalid } from '../errors/index.ts'
import { DuplicateRequest, idempotencyKeptMs, stillAtWork } from '../idempotency/index.ts'
import type { Answer, AnswerStore, FoundAnswer, Recorder } from '../idempotency/index.ts'
import { problemType } from './negotiation.ts'
import { problemDocument } from './problem.ts'

export type Idempotency = {
  /** Runs `act` once for each Idempotency-Key, and sends its answer or the one that is kept. */
  once(
    request: FastifyRequest,
    reply: FastifyReply,
    act: (record: Recorder) => Promise<Answer>,
  ): Promise<void>
  /** Forgets answers older than 24 hours, `limit` at most; resolves to how many went. */
  sweep(limit: number): Promise<number>
}

const keyLengthMax = 255
/** A refusal that would be the same at once may be another later; kept, so that a retry has one answer. */
const keptRefusals = new Set([404, 409, 412, 422])

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), kept with what the service keeps: the same key
 * and request get the stored answer, the same key with another request 422, a key still at work 409.
 */
export function createIdempotency(options: {
  answers: AnswerStore
  clock: Clock
  detailAlias?: 'error' | 'description' | 'message'
  /** How a refusal is answered where it is no problem document; undefined where it is one. */
  refusalAnswer?: (error: AppError, request: FastifyRequest) => Answer | undefined
  /** For requests that hold passwords: without it, a fingerprint that is kept would let them be guessed at full speed. */
  fingerprintKey?: Uint8Array
}): Idempotency {
  const { answers, clock, detailAlias, refusalAnswer, fingerprintKey } = options
  const inFlight = new Set<string>()
  const since = () => clock.now() - idempotencyKeptMs

  async function actOnce(
    id: string,
    fingerprint: string,
    request: FastifyRequest,
    act: Act,
  ): Promise<Answer> {
    const found = await answers.find(id, since())
    if (found !== undefined) return replayed(found, fingerprint)
    const keptAs = (answer: Answer) => ({ id, fingerprint, answer, createdAtMs: clock.now() })
    try {
      return await act((answer) => [keptAs(answer)]).catch(async (error: unknown) => {
        if (!(error instanceof AppError) || !keptRefusals.has(error.status)) throw error
        const refusal = refusalAnswer?.(error, request) ?? answerOf(error, request, detailAlias)
        await answers.keep(keptAs(refusal))
        return refusal
      })
    } catch (error) {
      // Of the effect, or of a refusal that was to be kept.
      if (!(error instanceof DuplicateRequest)) throw error
      const other = await answers.find(id, since())
      if (other === undefined) throw stillAtWork()
      return replayed(other, fingerprint)
    }
  }

  return {
    async once(request, reply, act) {
      const key = idempotencyKeyOf(request)
      if (key === undefined) return sendAnswer(reply, await act(() => []))
      const id = hash(`${request.method} ${request.url.split('?', 1)[0]} ${key}`)
      if (inFlight.has(id)) throw stillAtWork()
      inFlight.add(id)
      try {
        const fingerprint = fingerprintOf(JSON.stringify(request.body ?? null), fingerprintKey)
        sendAnswer(reply, await actOnce(id, fingerprint, request, act))
      } finally {
        inFlight.delete(id)
      }
    },
    sweep: (limit) => answers.forget(since(), limit),
  }
}

type Act = (record: Recorder) => Promise<Answer>

/** The answer as it stands for a request that came before. */
function replayed({ fingerprint: kept, answer }: FoundAnswer, fingerprint: string): Answer {
  if (kept !== fingerprint)
    throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
  return { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } }
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

function answerOf(
  error: AppError,
  request: FastifyRequest,
  alias: 'error' | 'description' | 'message' | undefined,
): Answer {
  return {
    status: error.status,
    headers: { ...error.headers, 'content-type': problemType(request) },
    body: JSON.stringify(problemDocument(error, request.id, alias)),
  }
}

/** Sends an answer as it stands. */
export function sendAnswer(reply: FastifyReply, { status, headers, body }: Answer): void {
  reply.code(status).headers(headers).send(body)
}

function fingerprintOf(text: string, key: Uint8Array | undefined): string {
  return key === undefined ? hash(text) : createHmac('sha256', key).update(text).digest('hex')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
