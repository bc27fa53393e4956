import { AppError } from '@quintet/chassis/errors'
import type { ErrorCode } from '@quintet/chassis/errors'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import { decide, positionsIn, positionsPerResponseMax } from './decisions.ts'
import type { Outcome } from './decisions.ts'
import type { Market } from './market.ts'
import type { Balance, Order } from './order.ts'
import type { AccountStore } from './port.ts'
import { balanceIn, positionsPerTurnMax } from './response-balances.ts'
import { createTurns } from './turns.ts'
import type { Turns } from './turns.ts'

/** The reply to a request, and the idempotency records of it to commit with the orders. */
type RecordedReply<R> = { readonly response: R; readonly records: readonly IdempotencyRecord[] }

export type OrderProcessor = {
  /**
   * Decides the orders one by one, commits them as one unit, and resolves to the response that `respond` makes of their
   * outcomes. `respond` is called again when another process changed the account meanwhile; nothing is committed when it
   * throws. Rejects with `not_found` when there is no such account, and with `body_too_large` when the outcomes have more than
   * `positionsPerResponseMax` positions.
   */
  place<R>(
    accountId: number,
    orders: readonly Order[],
    respond: (outcomes: readonly Outcome[]) => RecordedReply<R> | Promise<RecordedReply<R>>,
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
  turns = createTurns(),
}: {
  store: AccountStore
  market: Market
  turns?: Turns
}): OrderProcessor {
  /**
   * By account. No map: V8 keeps the former table of each map that changes as a link to the next one, so that what each held stays in
   * memory until the next major collection.
   */
  const queues: Record<number, Queue> = Object.create(null)
  let ordersWaiting = 0

  async function drain(queue: Queue): Promise<void> {
    // An embedded database responds without waiting, and those of many accounts must not block the event loop.
    while (queue.waiting.length > 0) {
      if (!turns.hasTime()) await turns.next()
      await processUnit(queue, takeUnit(queue, store.requestsPerUnitMax))
    }
    Reflect.deleteProperty(queues, queue.accountId)
  }

  async function processUnit(queue: Queue, submissions: readonly Submission[]): Promise<void> {
    try {
      for (const resolve of await commit(queue, submissions)) resolve()
    } catch (error) {
      // The error of one request must not fail the others: they are processed one by one.
      const isShared = error instanceof AppError && sharedErrors.has(error.code)
      for (const submission of submissions) {
        if (isShared || submissions.length === 1) submission.reject(error)
        else await processUnit(queue, [submission])
      }
      // A unit that fails may not have waited either; see `commit`.
      await turns.next()
    }
  }

  async function commit(queue: Queue, submissions: readonly Submission[]): Promise<(() => void)[]> {
    const { accountId } = queue
    const lists = submissions.map(({ orders }) => orders)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const context = await store.loadContext(accountId, lists.flat())
      if (context === undefined) throw accountNotFound()
      queue.positions = context.account.positions.size
      const { batch, outcomes } = await decide(context, lists, {
        market,
        findBalance: (sequence) => findBalance(accountId, sequence),
      })
      const replies = await respondTo(submissions, outcomes, turns)
      const records = replies.flatMap((reply) => reply.records)
      // A unit that only reads an embedded database never waits, and many of them must not block the event loop.
      if (batch.orders.length + records.length === 0) await turns.next()
      if (await store.commitBatch(batch, records)) return replies.map(({ resolve }) => resolve)
    }
    throw new AppError('overloaded', 'Too many concurrent changes to this account by other processes; retry.')
  }

  async function findBalance(accountId: number, sequence: number): Promise<Balance> {
    // Parsing many balances must not block the event loop either.
    await turns.next()
    return balanceIn(await store.findBalances(accountId, [sequence], turns), sequence)
  }

  function enqueue(accountId: number, submission: Submission): void {
    const queue = queues[accountId]
    if (queue !== undefined) {
      queue.waiting.push(submission)
      return
    }
    const started = { accountId, waiting: [submission], positions: 0 }
    queues[accountId] = started
    void drain(started)
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
            async respond(outcomes) {
              const { response, records } = await respond(outcomes)
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

type Reply = { readonly records: readonly IdempotencyRecord[]; resolve(): void }

/** The orders of one request while they wait. */
type Submission = {
  readonly orders: readonly Order[]
  respond(outcomes: readonly Outcome[]): Promise<Reply>
  reject(error: unknown): void
}

/** Makes the responses, many or large ones over several turns of the event loop. */
async function respondTo(
  submissions: readonly Submission[],
  outcomes: readonly (readonly Outcome[])[],
  turns: Turns,
): Promise<Reply[]> {
  const replies: Reply[] = []
  let positions = 0
  for (const [i, { respond }] of submissions.entries()) {
    const own = outcomes[i] ?? []
    replies.push(await respond(own))
    for (const outcome of own) positions += positionsIn(outcome)
    if (positions < positionsPerTurnMax) continue
    positions = 0
    await turns.next()
  }
  return replies
}

/** The submissions of an account that wait, and how many positions it had at the last unit. */
type Queue = { readonly accountId: number; readonly waiting: Submission[]; positions: number }

/**
 * Removes the submissions at the head of the queue that fit into one unit, at least one. Each outcome lists all positions of the
 * account, so a unit has fewer orders when there are many.
 */
function takeUnit({ waiting, positions }: Queue, requestsMax: number): Submission[] {
  const ordersMax = Math.min(ordersPerUnitMax, positionsPerResponseMax / positions)
  let size = 0
  const end = waiting.findIndex(({ orders }, i) => {
    size += orders.length
    return i > 0 && (size > ordersMax || i >= requestsMax)
  })
  return waiting.splice(0, end < 0 ? waiting.length : end)
}
