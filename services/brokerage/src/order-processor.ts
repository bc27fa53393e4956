import { AppError } from '@quintet/chassis/errors'
import type { ErrorCode } from '@quintet/chassis/errors'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { AccountStore, EarlierOrder, OrderBatch, OrderContext } from './port.ts'
import type { Market } from './market.ts'
import { apply, isWithinDuplicateWindow, isSameContent, evaluate, duplicateKey } from './order.ts'
import type { Balance, DecidedOrder, Order, Refusal } from './order.ts'

/** What became of an order; `conflict` when its `client_order_id` belongs to an order that says something else. */
export type Outcome = { readonly refusals: readonly Refusal[]; readonly balance: Balance } | 'conflict'

/** What to answer, and what is kept of it in the very unit that makes it true. */
export type RecordedReply<A> = { readonly response: A; readonly records: readonly IdempotencyRecord[] }

export type OrderProcessor = {
  /**
   * Decides the orders one by one, files them as one unit, and resolves to the answer that `conclude` makes of their
   * outcomes; `conclude` is asked again when the account has moved on meanwhile, and files nothing when it throws. Rejects
   * with `not_found` where there is no such account.
   */
  place<A>(
    accountId: number,
    orders: readonly Order[],
    respond: (outcomes: readonly Outcome[]) => RecordedReply<A>,
  ): Promise<A>
}

/** Enough to hide the wait for the disk, and few enough not to keep the other accounts waiting. */
const ordersPerUnitMax = 256
const ordersWaitingMax = 20_000
/** How often other processes may be first before a unit is given up; of those that compete one is, every time. */
const attemptsMax = 64
const sharedFaults: ReadonlySet<ErrorCode> = new Set([
  'not_found',
  'overloaded',
  'dependency_down',
  'outcome_unknown',
])

/**
 * Takes the orders of each account one after the other. Those that arrive while others of their account are under way are
 * decided together afterwards, so that a busy account waits for the disk once for many orders.
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

  async function run(accountId: number, queue: Submission[]): Promise<void> {
    while (queue.length > 0) await settle(accountId, takeUnit(queue, store.requestsPerUnitMax))
    queues.delete(accountId)
  }

  async function settle(accountId: number, submissions: readonly Submission[]): Promise<void> {
    try {
      for (const resolve of await file(accountId, submissions)) resolve()
    } catch (error) {
      // What concerns the account or the database concerns all; what one of them brought must not refuse the others.
      const isShared = error instanceof AppError && sharedFaults.has(error.code)
      for (const submission of submissions) {
        if (isShared || submissions.length === 1) submission.reject(error)
        else await settle(accountId, [submission])
      }
    }
  }

  async function file(accountId: number, submissions: readonly Submission[]): Promise<(() => void)[]> {
    const orders = submissions.flatMap((submission) => submission.orders)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const recollection = await store.loadContext(accountId, orders)
      if (recollection === undefined) throw noSuchAccount()
      const { filing, outcomes } = decide(recollection, submissions, market)
      const conclusions = submissions.map(({ conclude }, i) => conclude(outcomes[i] ?? []))
      const isFiled = await store.commitBatch(
        filing,
        conclusions.flatMap(({ kept }) => kept),
      )
      if (isFiled) return conclusions.map(({ resolve }) => resolve)
    }
    throw new AppError('overloaded', 'The account is changed too often by other processes.')
  }

  return {
    async place(accountId, orders, conclude) {
      if (ordersWaiting + orders.length > ordersWaitingMax)
        throw new AppError('overloaded', 'Too many orders are waiting.')
      ordersWaiting += orders.length
      try {
        return await new Promise((resolve, reject) => {
          const concluded = (outcomes: readonly Outcome[]) => {
            const { response, records } = conclude(outcomes)
            return { kept: records, resolve: () => resolve(response) }
          }
          const submission = { orders, conclude: concluded, reject }
          const lane = queues.get(accountId)
          if (lane !== undefined) return lane.push(submission)
          const begun = [submission]
          queues.set(accountId, begun)
          return run(accountId, begun)
        })
      } finally {
        ordersWaiting -= orders.length
      }
    },
  }
}

export const noSuchAccount = () => new AppError('not_found', 'Account not found.')

type Submission = {
  readonly orders: readonly Order[]
  conclude(outcomes: readonly Outcome[]): { readonly kept: readonly IdempotencyRecord[]; resolve(): void }
  reject(error: unknown): void
}

/** The first submissions of the lane that fit into a unit together, one at least. */
function takeUnit(lane: Submission[], requestsMax: number): Submission[] {
  let size = 0
  const end = lane.findIndex(({ orders }, i) => {
    size += orders.length
    return i > 0 && (size > ordersPerUnitMax || i >= requestsMax)
  })
  return lane.splice(0, end < 0 ? lane.length : end)
}

/** Decides all orders, each on the account as the ones before it leave it. */
function decide(
  { account: before, repeated, earlier }: OrderContext,
  submissions: readonly Submission[],
  market: Market,
): { filing: OrderBatch; outcomes: Outcome[][] } {
  const filed: DecidedOrder[] = []
  const accepted = new Map<string, Order[]>()
  const named = new Map(earlier)
  let account = before

  function decideOne(order: Order): Outcome {
    const first = order.clientOrderId === undefined ? undefined : named.get(order.clientOrderId)
    if (first !== undefined) return repeat(first, order)
    account = { ...account, sequence: account.sequence + 1 }
    const alike = accepted.get(duplicateKey(order)) ?? []
    const refusals = evaluate(account, order, {
      isMarketOpen: market.isOpen(order.hoursBy === 'order' ? order.timestampMs : order.receivedMs),
      isDuplicate: repeated.has(order) || alike.some((other) => isWithinDuplicateWindow(order, other)),
    })
    if (refusals.length === 0) {
      account = apply(account, order)
      accepted.set(duplicateKey(order), [...alike, order])
    }
    return keep({ order, sequence: account.sequence, refusals, balance: account })
  }

  function keep(decided: DecidedOrder): Outcome {
    filed.push(decided)
    if (decided.order.clientOrderId !== undefined) named.set(decided.order.clientOrderId, decided)
    return decided
  }

  const outcomes = submissions.map(({ orders }) => orders.map(decideOne))
  return { filing: { before, after: account, orders: filed }, outcomes }
}

function repeat(first: EarlierOrder, order: Order): Outcome {
  return isSameContent(first.order, order) ? first : 'conflict'
}
