import { createHash, randomUUIDv7 } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'
import { idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import { idempotencyKeyOf, jsonType, prefersAsync, problems, sendResponse } from '@quintet/chassis/http'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { App, FastifyRequest } from '@quintet/chassis/http'
import type { Queue } from '@quintet/chassis/queue'
import { continueTrace, parseTraceparent } from '@quintet/chassis/telemetry'
import { billingQueue } from '@quintet/contracts'
import { NewOrder, Posted } from './schemas.ts'

type Parts = { queue: Pick<Queue, 'publish'>; waitingMax: number }

/** Takes an order for billing, which need not run: what is answered is in the queue, durable. */
export function postOrderRoute(app: App, { queue, waitingMax }: Parts): void {
  app.post('/api/billing', { schema: description }, async (request, reply) => {
    const body = textOf(request.body)
    const key = idempotencyKeyOf(request)
    const id = key === undefined ? randomUUIDv7() : idOf(key, body)
    const message = { id, key: '', body, headers: headersOf(request) }
    const once = key === undefined ? {} : { once: { key, forMs: idempotencyRetentionMs } }
    const outcome = await queue
      .publish(billingQueue, message, { limit: waitingMax, ...once })
      .catch(refuseReuse)
    sendResponse(reply, answerTo(request, id, outcome === 'repeated'))
  })
}

const description = {
  tags: ['billing'],
  operationId: 'postOrder',
  summary: 'Post an order',
  description:
    'Answers when the message is durable in the queue, whether or not billing runs, which makes it exactly one order. ' +
    'Understands Idempotency-Key; with `Prefer: respond-async` the answer is 202 with the place of the order to be.',
  body: NewOrder,
  response: { 200: Posted, 202: Posted, ...problems(400, 413, 415, 422, 503) },
}

/** The message is the body stringified, in one spelling: equal orders are equal texts. */
function textOf({ user_id, number_of_items, total_amount }: NewOrder): string {
  return JSON.stringify({ user_id, number_of_items, total_amount })
}

/**
 * The same key and order make the same message, at any time, so that no retry becomes a second order; another order makes
 * another message, so that nothing that was accepted is taken for a retry. It is a UUID of version 8 (RFC 9562, 5.8).
 */
function idOf(key: string, body: string): string {
  const hex = createHash('sha256').update(`${key}\n${body}`).digest('hex')
  const [a, b, c, d, e] = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 15),
    hex.slice(15, 18),
    hex.slice(18, 30),
  ]
  return `${a}-${b}-8${c}-a${d}-${e}`
}

function headersOf({ id, headers }: FastifyRequest): Record<string, string> {
  return { 'x-request-id': id, traceparent: continueTrace(parseTraceparent(headers.traceparent)) }
}

function refuseReuse(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'conflict') throw error
  throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
}

function answerTo(request: FastifyRequest, id: string, isRepeated: boolean): RecordedResponse {
  const body = `{"message":"Message posted","message_id":"${id}"}`
  const headers = {
    'content-type': jsonType,
    ...(isRepeated && { 'idempotency-replayed': 'true' }),
  }
  if (!prefersAsync(request.headers.prefer)) return { status: 200, headers, body }
  const later = {
    location: `/api/orders/by-message/${id}`,
    'preference-applied': 'respond-async',
    'retry-after': '1',
  }
  return { status: 202, headers: { ...headers, ...later }, body }
}
