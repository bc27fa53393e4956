import { createHash, createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock/index.ts'
import { AppError, invalid } from '../errors/index.ts'
import { canonicalJson } from '../json/index.ts'
import {
  createUpgradePeriod,
  DuplicateRequest,
  idempotencyRetentionMs,
  requestInProgress,
} from '../idempotency/index.ts'
import type {
  RecordedResponse,
  IdempotencyStore,
  FoundRecord,
  ResponseRecorder,
} from '../idempotency/index.ts'
import { problemType } from './negotiation.ts'
import { isConditional, requireConditions } from './preconditions.ts'
import type { Representation } from './preconditions.ts'
import { problemDocument } from './problem.ts'

export type Idempotency = {
  /**
   * Runs `act` once for each Idempotency-Key under the conditions of the request, and sends its response or the recorded one. The
   * target is a resource that always exists and has no ETag, unless another is given.
   */
  once(request: FastifyRequest, reply: FastifyReply, act: Act, target?: IdempotencyTarget): Promise<void>
  /** Removes records older than 24 hours, at most `limit`; resolves to their number. */
  sweep(limit: number): Promise<number>
}

/** The resource that a request with an Idempotency-Key is sent to. */
export type IdempotencyTarget = {
  /** Its path, the same for all ways to write it, where its route and parameters are not. */
  path?: string
  /**
   * Its current representation; undefined if it does not exist yet. Rejects if the request is refused whatever its conditions are
   * (RFC 9110, 13.2.1).
   */
  find?: () => Promise<Representation | undefined>
  /** Makes the content of the request as JSON, the same for all notations of its numbers, where its body is not. */
  contentOf?: (() => unknown) | undefined
  /** Completes a recorded response from which something was omitted that follows from other data. */
  restore?: ((recorded: RecordedResponse) => Promise<RecordedResponse>) | undefined
}

const keyLengthMax = 255
/** Refusals that may turn into a success later are recorded, so that a retry has one response. */
const recordedRefusals = new Set([404, 409, 412, 422])

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), recorded in the service's own database: the same
 * key and request get the recorded response, the same key with another request 422, a key in progress 409.
 */
export function createIdempotency(options: {
  store: IdempotencyStore
  clock: Clock
  detailAlias?: 'error' | 'description' | 'message'
  /** The response to a refusal that is no problem document; undefined if it is one. */
  refusalResponse?: (error: AppError, request: FastifyRequest) => RecordedResponse | undefined
  /** For requests with passwords: a stored fingerprint without a key could be attacked by guessing at full speed. */
  fingerprintKey?: Uint8Array
}): Idempotency {
  const { store, clock, detailAlias, refusalResponse, fingerprintKey } = options
  const inFlight = new Set<string>()
  const mayHaveFormerRecords = createUpgradePeriod(clock)
  const since = () => clock.now() - idempotencyRetentionMs

  async function actOnce(
    id: string,
    request: FastifyRequest,
    act: Act,
    { contentOf, restore }: IdempotencyTarget,
  ): Promise<RecordedResponse> {
    const content = contentOf?.() ?? bodyOf(request)
    const fingerprint = fingerprintOf(canonicalJson(content), fingerprintKey)
    const replay = async ({ response, ...found }: FoundRecord) => {
      if (
        found.fingerprint !== fingerprint &&
        !isFormerFingerprint(found.fingerprint, [content, bodyOf(request)])
      )
        throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
      return replayed((await restore?.(response)) ?? response)
    }
    const found = (await store.find(id, since())) ?? (await findFormer(request))
    if (found !== undefined) return replay(found)
    const recordOf = (response: RecordedResponse) => ({ id, fingerprint, response, createdAtMs: clock.now() })
    try {
      return await act((response) => [recordOf(response)]).catch(async (error: unknown) => {
        if (!(error instanceof AppError) || !recordedRefusals.has(error.status)) throw error
        const refusal = refusalResponse?.(error, request) ?? problemResponse(error, request, detailAlias)
        await store.insert(recordOf(refusal))
        return refusal
      })
    } catch (error) {
      // Of the effect, or of recording a refusal.
      if (!(error instanceof DuplicateRequest)) throw error
      const other = await store.find(id, since())
      if (other === undefined) throw requestInProgress()
      return replay(other)
    }
  }

  /** A record of an earlier version, which says nothing of who has made it. */
  async function findFormer(request: FastifyRequest): Promise<FoundRecord | undefined> {
    if (request.principal !== undefined || !mayHaveFormerRecords()) return undefined
    return store.find(hash(formerScopeOf(request)), since())
  }

  /** Whether an earlier version, which kept the order of members, recorded this fingerprint for one of these contents. */
  function isFormerFingerprint(recorded: string, contents: readonly unknown[]): boolean {
    return contents.some((content) => fingerprintOf(JSON.stringify(content), fingerprintKey) === recorded)
  }

  return {
    async once(request, reply, act, target) {
      async function actConditionally(record: ResponseRecorder): Promise<RecordedResponse> {
        if (isConditional(request))
          requireConditions(request, target?.find === undefined ? {} : await target.find())
        return act(record)
      }
      const scope = idempotencyScopeOf(request, target?.path)
      if (scope === undefined) return sendResponse(reply, await actConditionally(() => []))
      const id = hash(scope)
      if (inFlight.has(id)) throw requestInProgress()
      inFlight.add(id)
      try {
        sendResponse(reply, await actOnce(id, request, actConditionally, target ?? {}))
      } finally {
        inFlight.delete(id)
      }
    },
    sweep: (limit) => store.removeOlder(since(), limit),
  }
}

/** Clients that are not authenticated share one set of keys. No principal has this id. */
const anonymous = 'anonymous'

/**
 * What the Idempotency-Key of a request stands for: the key, the principal, the method, the resource, whichever way its path is
 * written, and the media type of the body. Undefined without a key; refuses a malformed one.
 */
export function idempotencyScopeOf(request: FastifyRequest, path?: string): string | undefined {
  const key = idempotencyKeyOf(request)
  if (key === undefined) return undefined
  const target = path ?? `${request.routeOptions.url} ${JSON.stringify(request.params)}`
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  return JSON.stringify([request.principal?.id ?? anonymous, request.method, target, mediaType, key])
}

/** The scope in an earlier version, without principal and media type, and with the path as it was sent. */
function formerScopeOf(request: FastifyRequest): string {
  return `${request.method} ${request.url.split('?', 1)[0]} ${idempotencyKeyOf(request)}`
}

type Act = (record: ResponseRecorder) => Promise<RecordedResponse>

function bodyOf({ body = null }: FastifyRequest): unknown {
  return body
}

function replayed(response: RecordedResponse): RecordedResponse {
  return { ...response, headers: { ...response.headers, 'idempotency-replayed': 'true' } }
}

/** The Idempotency-Key of a request, if it has one; refuses a malformed one. */
function idempotencyKeyOf({ headers, raw }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  // Several arrive as one with a comma, which is another key.
  const isKey = (name: string, at: number) => at % 2 === 0 && name.toLowerCase() === 'idempotency-key'
  if (raw.rawHeaders.filter(isKey).length > 1)
    throw invalid({ 'Idempotency-Key': 'Idempotency-Key must be given once.' })
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

/** Sends a response unchanged. */
export function sendResponse(reply: FastifyReply, { status, headers, body }: RecordedResponse): void {
  reply.code(status).headers(headers).send(body)
}

function fingerprintOf(text: string, key: Uint8Array | undefined): string {
  return key === undefined ? hash(text) : createHmac('sha256', key).update(text).digest('hex')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
