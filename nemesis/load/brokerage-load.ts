import { setTimeout as pause } from 'node:timers/promises'
import { createRecorder } from '../history.ts'
import type { RecordedOrder } from '../recorded-orders.ts'
import type { Random } from '../run/random.ts'
import { inMillionths, readAccount } from './brokerage-account.ts'
import { certaintyOf, membersOf } from './http-client.ts'
import type { Reply, Request } from './http-client.ts'
import { clientAt } from './load.ts'
import type { Load, LoadParts } from './load.ts'
import { sendRepeatedly } from './until-known.ts'

const clientCount = 12
const accountCount = 4
const openingCash = 2_000
const issuers = ['AAPL', 'MSFT', 'NFLX'] as const
/** Orders of all clients are so far apart, so that some of the next ones are duplicates. */
const stepSeconds = 20
/** More than all orders of a run take. */
const beganBeforeSeconds = 3 * 365 * 86_400
const pauseAfterFailureMs = 100
const ordersPerBatch = 3

/** Where the market never closes, which the rules of the checker assume. */
export const alwaysOpen = { MARKET_OPEN: '00:00', MARKET_CLOSE: '00:00' }

/**
 * Orders of a few accounts: some exceed the cash or the shares, some are duplicates, some are a batch. Three of four can be
 * repeated, by their `client_order_id` or an `Idempotency-Key`, and are, until the outcome is known. The id of an order is its
 * timestamp, which no other has.
 */
export async function createBrokerageLoad(parts: LoadParts): Promise<Load> {
  const { random, clock, http } = parts
  const recorder = createRecorder('ledger', clock.nowNs)
  const firstSecond = Math.floor(clock.unixMs() / 1_000) - beganBeforeSeconds
  const accounts: string[] = []
  for (let n = 0; n < accountCount; n++) {
    const created = { method: 'POST', url: `${clientAt(parts, 0).url}/accounts`, body: { cash: openingCash } }
    accounts.push(`/accounts/${String(membersOf(await http.send(created)).id)}`)
  }

  function clientOf(number: number): () => Promise<void> {
    const { url, name } = clientAt(parts, number)
    const own = random.fork(`client ${number}`)
    let count = 0
    const nextSecond = () => firstSecond + (count++ * clientCount + number) * stepSeconds
    return async () => {
      const account = accounts[own.integer(accounts.length)] ?? ''
      const drawn = draw(own)
      const orders = Array.from({ length: drawn.isBatch ? ordersPerBatch : 1 }, () =>
        drawOrder(own, nextSecond()),
      )
      const isKnown = await place(url, name, account, orders, drawn)
      if (!isKnown) await pause(pauseAfterFailureMs)
    }
  }

  async function place(
    url: string,
    name: string,
    account: string,
    orders: readonly RecordedOrder[],
    { isBatch, repetition, idempotencyKey }: Draw,
  ): Promise<boolean> {
    const bodies = orders.map((order) => bodyOf(order, repetition === 'client order id'))
    const request: Request = {
      method: 'POST',
      url: `${url}${account}/orders`,
      body: isBatch ? bodies : bodies[0],
      headers: repetition === 'key' ? { 'idempotency-key': idempotencyKey } : {},
    }
    const completions = orders.map((order) =>
      recorder.invoke(name, account, {
        f: 'order',
        id: idOf(order),
        ...(repetition === 'client order id' && { idempotencyKey: idOf(order) }),
        order,
      }),
    )
    const reply = await (repetition === 'none' ? http.send(request) : sendRepeatedly(http, request))
    const certainty = certaintyOf(reply)
    const results = certainty === 'known' ? resultsOf(reply) : []
    const outcome = certainty === 'refused' ? 'fail' : 'info'
    for (const [i, complete] of completions.entries())
      if (results[i] === undefined) complete(outcome)
      else complete('ok', results[i])
    if (certainty === 'known' && results.length !== orders.length) parts.unexpected(request, reply)
    return certainty === 'known'
  }

  return {
    clients: Array.from({ length: clientCount }, (_, number) => clientOf(number)),
    history: recorder.history,
    async settle() {
      for (const account of accounts) {
        const { url, name } = clientAt(parts, 0)
        const complete = recorder.invoke(name, account, { f: 'account' })
        complete('ok', await readAccount(http, url + account, openingCash))
      }
    },
  }
}

type Draw = {
  readonly isBatch: boolean
  readonly repetition: 'client order id' | 'key' | 'none'
  readonly idempotencyKey: string
}

function draw(random: Random): Draw {
  return {
    isBatch: random.fraction() < 0.1,
    repetition: random.pick(['client order id', 'client order id', 'key', 'none']),
    idempotencyKey: random.hex(),
  }
}

function drawOrder(random: Random, second: number): RecordedOrder {
  return {
    operation: random.pick(['BUY', 'BUY', 'SELL']),
    issuer: random.pick(issuers),
    shares: 1 + random.integer(6),
    price: inMillionths((1 + random.integer(9_000)) / 100),
    timestampMs: second * 1_000,
  }
}

function idOf({ timestampMs }: RecordedOrder): string {
  return String(timestampMs)
}

function bodyOf(order: RecordedOrder, hasClientOrderId: boolean) {
  return {
    timestamp: order.timestampMs / 1_000,
    operation: order.operation,
    issuer_name: order.issuer,
    total_shares: order.shares,
    share_price: Number(order.price) / 1e6,
    ...(hasClientOrderId && { client_order_id: idOf(order) }),
  }
}

function resultsOf(reply: Reply): { errors: string[]; cash: string }[] {
  if (typeof reply === 'string' || reply.status !== 200) return []
  const outcomes: unknown[] = [JSON.parse(reply.body)].flat()
  return outcomes.map((outcome) => {
    const { current_balance: balance, business_errors: errors } = Object(outcome)
    return { errors, cash: inMillionths(Object(balance).cash) }
  })
}
