import { createHash, randomUUIDv7 } from 'node:crypto'
import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { rowAccessOf } from '@quintet/chassis/guard'
import type { Owner } from '@quintet/chassis/guard'
import { createUpgradePeriod, idempotencyRetentionMs } from '@quintet/chassis/idempotency'
import {
  idempotencyScopeOf,
  jsonType,
  prefersAsync,
  problems,
  requireConditions,
  sendResponse,
  setEffect,
  traceparentFor,
} from '@quintet/chassis/http'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { App, FastifyRequest, Support } from '@quintet/chassis/http'
import { shortestDecimal } from '@quintet/chassis/json'
import { billingQueue, ownerHeader, signMessageId } from '@quintet/contracts'
import type { OrderQueue } from './lazy-queue.ts'
import type { PostedOrders } from './posted-orders.ts'
import { NewOrder, Posted } from './schemas.ts'

type Parts = {
  queue: Pick<OrderQueue, 'publish' | 'publishOnce' | 'messageUnder'>
  clock: Clock
  /** Where posted orders are remembered. */
  posted: PostedOrders
  waitingMax: number
  /** Signs ids where the queue cannot look up a message. */
  idKey?: string | undefined
}

/** Accepts an order for billing, which need not run: a 2xx response means that it is durable in the queue. */
export function postOrderRoute(app: App, { queue, clock, posted, waitingMax, idKey }: Parts): void {
  const mayHaveFormerMessages = createUpgradePeriod(clock)

  app.post('/api/billing', { schema: description }, async (request, reply) => {
    const body = canonicalJson(request.body)
    const scope = idempotencyScopeOf(request)
    const uuid = scope === undefined ? randomUUIDv7() : messageIdOf(scope, contentOf(request.body))
    const { owner } = rowAccessOf(request.raw)
    const id = idKey === undefined ? uuid : signMessageId(uuid, idKey, owner)
    const message = { id, key: '' as const, body, headers: headersOf(request, owner) }
    const limit = { limit: waitingMax }
    setEffect(request, id)
    requireConditions(request, {})
    if (scope === undefined) {
      await queue.publish(billingQueue, message, limit)
      posted.add(id, owner)
      return sendResponse(reply, responseTo(request, id, false))
    }
    const former = await formerIdOf(request, body)
    if (former !== undefined) return sendResponse(reply, responseTo(request, former, true))
    const once = { key: createHash('sha256').update(scope).digest('hex'), forMs: idempotencyRetentionMs }
    const outcome = await queue.publishOnce(billingQueue, message, once, limit).catch(rejectKeyReuse)
    posted.add(id, owner)
    sendResponse(reply, responseTo(request, id, outcome === 'repeated'))
  })

  /** The id under which an earlier version, which had no principals, has published this order for this key. */
  async function formerIdOf(request: FastifyRequest, body: string): Promise<string | undefined> {
    if (request.principal !== undefined || !mayHaveFormerMessages()) return undefined
    const key = String(request.headers['idempotency-key'])
    const id = messageIdOf(key, body)
    return (await queue.messageUnder(billingQueue, key)) === id ? id : undefined
  }
}

const description = {
  tags: ['billing'],
  operationId: 'postOrder',
  summary: 'Post an order',
  supports: ['Idempotency-Key', 'respond-async'] satisfies Support[],
  description:
    'Responds once the message is durable in the queue, whether or not billing runs; billing stores it as exactly one order. ' +
    'With `Prefer: respond-async` the response is 202 with the location of the order.',
  body: NewOrder,
  response: { 200: Posted, 202: Posted, ...problems(400, 413, 415, 422, 503) },
}

/** The message body: equal orders have equal texts. */
function canonicalJson({ user_id, number_of_items, total_amount }: NewOrder): string {
  return JSON.stringify({ user_id, number_of_items, total_amount })
}

/** The same for all notations of an order: the amount may end in zeros. */
function contentOf(order: NewOrder): string {
  return canonicalJson({ ...order, total_amount: shortestDecimal(order.total_amount) })
}

/**
 * The message id, a UUID of version 8 (RFC 9562, 5.8) made of what the key stands for and the order: a retry makes the same message at any
 * time, and another order under the same key makes another message (docs/decisions/0010).
 */
function messageIdOf(scope: string, body: string): string {
  const hex = createHash('sha256').update(`${scope}\n${body}`).digest('hex')
  const [a, b, c, d, e] = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 15),
    hex.slice(15, 18),
    hex.slice(18, 30),
  ]
  return `${a}-${b}-8${c}-a${d}-${e}`
}

function headersOf({ id, raw }: FastifyRequest, owner: Owner): Record<string, string> {
  const traceparent = traceparentFor(raw)
  return { 'x-request-id': id, traceparent, ...(owner !== null && { [ownerHeader]: owner }) }
}

function rejectKeyReuse(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'conflict') throw error
  throw new AppError('idempotency_mismatch', 'This Idempotency-Key was used with another request.')
}

function responseTo(request: FastifyRequest, id: string, isRepeated: boolean): RecordedResponse {
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
