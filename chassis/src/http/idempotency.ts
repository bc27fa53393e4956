import { createHash, createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { Clock } from '../clock/index.ts'
import { inText, longText, notTaken, pending, prepareQuery, removeFound } from '../database/index.ts'
import type { Database, Placeholders, Reference, Statement } from '../database/index.ts'
import { AppError, invalid } from '../errors/index.ts'
import { problemType } from './negotiation.ts'
import { problemDocument } from './problem.ts'

/** An answer whole, as it can be kept and given again. */
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * What a handler puts into the unit that holds its effect, so that effect and answer are kept together or not at all; none
 * when the request has no key. `commit` rejects, as the handler then does, when the key was kept by another meanwhile.
 * Where the answer has `pending`, it stands for `value`, so it must come behind the statement that value refers to.
 */
export type Recorder = (answer: Answer, value?: Reference) => readonly Statement[]

/** The same key arrived twice at once, and the other one was first. */
class DuplicateRequest extends Error {}

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

/** How long a key stands for its request. */
export const idempotencyKeptMs = 24 * 3_600_000
const keyLengthMax = 255
/** A refusal that would be the same at once may be another later; kept, so that a retry has one answer. */
const keptRefusals = new Set([404, 409, 412, 422])

export type IdempotencyTable = {
  idempotency: {
    id: string
    fingerprint: string
    status: number
    headers: string
    body: string
    created_at: number
  }
}

/** For the migrations of a service that takes Idempotency-Key. */
export async function createIdempotencyTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema
    .createTable('idempotency')
    .addColumn('id', 'varchar(64)', (column) => column.primaryKey().notNull())
    .addColumn('fingerprint', 'varchar(64)', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('headers', longText(db), (column) => column.notNull())
    .addColumn('body', longText(db), (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('idempotency_created_at').on('idempotency').column('created_at').execute()
}

export async function dropIdempotencyTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema.dropTable('idempotency').execute()
}

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), kept in the service's own database: the same
 * key and request get the stored answer, the same key with another request 422, a key still at work 409.
 */
export function createIdempotency(options: {
  database: Database<IdempotencyTable>
  clock: Clock
  detailAlias?: 'error' | 'description' | 'message'
  /** How a refusal is answered where it is no problem document; undefined where it is one. */
  refusalAnswer?: (error: AppError, request: FastifyRequest) => Answer | undefined
  /** For requests that hold passwords: without it, a fingerprint that is kept would let them be guessed at full speed. */
  fingerprintKey?: Uint8Array
}): Idempotency {
  const { database, clock, detailAlias, refusalAnswer, fingerprintKey } = options
  const answers = createAnswerStore(database, clock)
  const inFlight = new Set<string>()

  async function actOnce(
    id: string,
    fingerprint: string,
    request: FastifyRequest,
    act: Act,
  ): Promise<Answer> {
    const kept = await answers.find(id, fingerprint)
    if (kept !== undefined) return kept
    try {
      return await act((answer, value) => [answers.keep(id, fingerprint, answer, value)])
    } catch (error) {
      if (error instanceof DuplicateRequest)
        return (await answers.find(id, fingerprint)) ?? Promise.reject(stillAtWork())
      if (!(error instanceof AppError) || !keptRefusals.has(error.status)) throw error
      const refusal = refusalAnswer?.(error, request) ?? answerOf(error, request, detailAlias)
      await database.commit([answers.keep(id, fingerprint, refusal)])
      return refusal
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
    sweep: answers.sweep,
  }
}

type Act = (record: Recorder) => Promise<Answer>

function createAnswerStore({ query: db, read, commit }: Database<IdempotencyTable>, clock: Clock) {
  const find = prepareQuery((p: Placeholders<{ id: string; since: number }>) =>
    db
      .selectFrom('idempotency')
      .select(['fingerprint', 'status', 'headers', 'body'])
      .where('id', '=', p.id)
      .where('created_at', '>', p.since),
  )
  // A key that has outlived its day is taken over; a living one refuses the unit.
  const keep = prepareQuery((p: Placeholders<IdempotencyTable['idempotency'] & { since: number }>) =>
    db
      .insertInto('idempotency')
      .values({
        id: p.id,
        fingerprint: p.fingerprint,
        status: p.status,
        headers: p.headers,
        body: p.body,
        created_at: p.created_at,
      })
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((row) => ({
            fingerprint: row.ref('excluded.fingerprint'),
            status: row.ref('excluded.status'),
            headers: row.ref('excluded.headers'),
            body: row.ref('excluded.body'),
            created_at: row.ref('excluded.created_at'),
          }))
          .where('idempotency.created_at', '<=', p.since),
      ),
  )
  const forget = prepareQuery((p: Placeholders<{ since: number; limit: number }>) =>
    removeFound(
      db,
      'idempotency',
      'id',
      notTaken(
        db,
        db.selectFrom('idempotency').select('id').where('created_at', '<=', p.since).limit(p.limit),
      ),
    ),
  )
  const since = () => clock.now() - idempotencyKeptMs

  return {
    async find(id: string, fingerprint: string): Promise<Answer | undefined> {
      const [row] = await read(find({ id, since: since() }))
      if (row === undefined) return undefined
      if (row.fingerprint !== fingerprint)
        throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
      const headers: Record<string, string> = JSON.parse(row.headers)
      return { status: row.status, headers: { ...headers, 'idempotency-replayed': 'true' }, body: row.body }
    },
    keep(id: string, fingerprint: string, { status, headers, body }: Answer, value?: Reference): Statement {
      const text = (template: string) => (value === undefined ? template : inText(value, template))
      // JSON escapes the character.
      const headersText = JSON.stringify(headers).replaceAll('\\u0000', pending)
      const row = { id, fingerprint, status, headers: text(headersText), body: text(body) }
      const statement = keep({ ...row, created_at: clock.now(), since: since() })
      return { ...statement, required: () => new DuplicateRequest() }
    },
    async sweep(limit: number): Promise<number> {
      const { results } = await commit([forget({ since: since(), limit })])
      return results[0]?.changes ?? 0
    },
  }
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

function stillAtWork(): AppError {
  return new AppError('idempotency_in_flight', 'A request with this Idempotency-Key is still at work.', {
    retryAfterSeconds: 1,
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

/** The answer with the value where `pending` stood. */
export function completed({ status, headers, body }: Answer, value: string | number): Answer {
  const complete = (text: string) => text.replaceAll(pending, String(value))
  const entries = Object.entries(headers).map(([name, text]) => [name, complete(text)])
  return { status, headers: Object.fromEntries(entries), body: complete(body) }
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
