import { AppError } from '@quintet/chassis/errors'
import type { ErrorCode } from '@quintet/chassis/errors'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { AccountStore, OrderBatch, OrderContext } from './port.ts'
import type { Market } from './market.ts'
import { apply, isWithinDuplicateWindow, isSameContent, evaluate, duplicateKey } from './order.ts'
import type { Balance, DecidedOrder, Order, Refusal } from './order.ts'

/** The outcome of an order; `conflict` when its `client_order_id` belongs to an order with another content. */
export type Outcome = { readonly refusals: readonly Refusal[]; readonly balance: Balance } | 'conflict'

/** The reply to a request, and the idempotency records of it to commit with the orders. */
type RecordedReply<R> = { readonly response: R; readonly records: readonly IdempotencyRecord[] }

export type OrderProcessor = {
  /**
   * Decides the orders one by one, commits them as one unit, and resolves to the response that `respond` makes of their
   * outcomes. `respond` is called again when another process changed the account meanwhile; nothing is committed when it
   * throws. Rejects with `not_found` when there is no such account.
   */
  place<R>(
    accountId: number,
    orders: readonly Order[],
    respond: (outcomes: readonly Outcome[]) => RecordedReply<R>,
  ): Promise<R>
}

/** Large enough to hide the wait for the disk, small enough not to delay the other accounts. */
const ordersPerUnitMax = 256
const ordersWaitingMax = 20_000
/** How often a unit may lose to other processes before it fails; each time, one of the competitors wins. */
const attemptsMax = 64
/** Errors of the account or the database, which are errors of every request in the unit. */
const sharedErrors: ReadonlySet<ErrorCode> = new Set([
  'not_found',
  'overloaded',
  'dependency_down',
  'outcome_unknown',
])

/**
 * Processes the orders of each account serially. Orders that arrive while a unit of their account is being committed share
 * the next one, so that a busy account waits for the disk once for many orders.
 */
export function createOrderProcessor({
  store,
  market,
}: {
  store: AccountStore
  market: Market
}): OrderProcessor {
  const queues = new Map<number, Submission[]>()
  let ordersWaiting = 0

  async function drain(accountId: number, queue: Submission[]): Promise<void> {
    while (queue.length > 0) await processUnit(accountId, takeUnit(queue, store.requestsPerUnitMax))
    queues.delete(accountId)
  }

  async function processUnit(accountId: number, submissions: readonly Submission[]): Promise<void> {
    try {
      for (const resolve of await commit(accountId, submissions)) resolve()
    } catch (error) {
      // The error of one request must not fail the others: they are processed one by one.
      const isShared = error instanceof AppError && sharedErrors.has(error.code)
      for (const submission of submissions) {
        if (isShared || submissions.length === 1) submission.reject(error)
        else await processUnit(accountId, [submission])
      }
    }
  }

  async function commit(accountId: number, submissions: readonly Submission[]): Promise<(() => void)[]> {
    const orders = submissions.flatMap((submission) => submission.orders)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const context = await store.loadContext(accountId, orders)
      if (context === undefined) throw accountNotFound()
      const { batch, outcomes } = decide(context, submissions, market)
      const replies = submissions.map(({ respond }, i) => respond(outcomes[i] ?? []))
      const records = replies.flatMap((reply) => reply.records)
      if (await store.commitBatch(batch, records)) return replies.map(({ resolve }) => resolve)
    }
    throw new AppError('overloaded', 'Too many concurrent changes to this account by other processes; retry.')
  }

  function enqueue(accountId: number, submission: Submission): void {
    const queue = queues.get(accountId)
    if (queue !== undefined) {
      queue.push(submission)
      return
    }
    const started = [submission]
    queues.set(accountId, started)
    void drain(accountId, started)
  }

  return {
    async place(accountId, orders, respond) {
      if (ordersWaiting + orders.length > ordersWaitingMax)
        throw new AppError('overloaded', 'Too many orders are waiting; retry.')
      ordersWaiting += orders.length
      try {
        return await new Promise((resolve, reject) =>
          enqueue(accountId, {
            orders,
            respond(outcomes) {
              const { response, records } = respond(outcomes)
              return { records, resolve: () => resolve(response) }
            },
            reject,
          }),
        )
      } finally {
        ordersWaiting -= orders.length
      }
    },
  }
}

export const accountNotFound = () => new AppError('not_found', 'Account not found.')

/** The orders of one request while they wait. */
type Submission = {
  readonly orders: readonly Order[]
  respond(outcomes: readonly Outcome[]): { readonly records: readonly IdempotencyRecord[]; resolve(): void }
  reject(error: unknown): void
}

/** Removes the submissions at the head of the queue that fit into one unit, at least one. */
function takeUnit(queue: Submission[], requestsMax: number): Submission[] {
  let size = 0
  const end = queue.findIndex(({ orders }, i) => {
    size += orders.length
    return i > 0 && (size > ordersPerUnitMax || i >= requestsMax)
  })
  return queue.splice(0, end < 0 ? queue.length : end)
}

/** Decides all orders in sequence, each on the account as the previous one left it. */
function decide(
  { account: before, duplicates, earlier }: OrderContext,
  submissions: readonly Submission[],
  market: Market,
): { batch: OrderBatch; outcomes: Outcome[][] } {
  const decided: DecidedOrder[] = []
  const accepted = new Map<string, Order[]>()
  const byClientOrderId = new Map(earlier)
  let account = before

  function decideOne(order: Order): Outcome {
    const first = order.clientOrderId === undefined ? undefined : byClientOrderId.get(order.clientOrderId)
    if (first !== undefined) return isSameContent(first.order, order) ? first : 'conflict'
    account = { ...account, sequence: account.sequence + 1 }
    const similar = accepted.get(duplicateKey(order)) ?? []
    const refusals = evaluate(account, order, {
      isMarketOpen: market.isOpen(order.hoursBy === 'order' ? order.timestampMs : order.receivedMs),
      isDuplicate: duplicates.has(order) || similar.some((other) => isWithinDuplicateWindow(order, other)),
    })
    if (refusals.length === 0) {
      account = apply(account, order)
      accepted.set(duplicateKey(order), [...similar, order])
    }
    return add({ order, sequence: account.sequence, refusals, balance: account })
  }

  function add(one: DecidedOrder): Outcome {
    decided.push(one)
    if (one.order.clientOrderId !== undefined) byClientOrderId.set(one.order.clientOrderId, one)
    return one
  }

  const outcomes = submissions.map(({ orders }) => orders.map(decideOne))
  return { batch: { before, after: account, orders: decided }, outcomes }
}
