import type { Clock } from '../../clock/index.ts'
import type { Database, Row, Statement } from '../../database/index.ts'
import type { FailureLog } from '../../telemetry/index.ts'
import { createDispatcher } from '../dispatcher.ts'
import type { FailureDetails } from '../dispatcher.ts'
import { deadQueueOf } from '../port.ts'
import type { BatchHandler, BatchOptions, Consumer } from '../port.ts'
import { createLeasedMessages } from './leased-messages.ts'
import type { LeasedMessage } from './leased-messages.ts'
import { createOutcomes } from './outcomes.ts'
import type { QueueClock } from './queue-clock.ts'
import type { QueueStatements, QueueTables } from './statements.ts'

const pollIntervalMs = 25
const singleProcessPollIntervalMs = 100

/** `wake` says that messages may have become due. */
export type SqliteConsumer = Consumer & { readonly queue: string; wake(): void }

type SqliteConsumerParts = {
  readonly database: Database<QueueTables>
  readonly statements: QueueStatements
  readonly clock: Clock
  /** For leases and pauses. */
  readonly queueClock: QueueClock
  readonly queue: string
  readonly handler: BatchHandler
  readonly options: Required<BatchOptions>
  readonly log: FailureLog
}

/**
 * Claims messages ahead of the handlers. The statements of one turn of the event loop share a commit: outcomes first, then,
 * once half of the prefetch is used up, one claim for more. Publications of this process wake the consumer; those of others,
 * and messages that become due, it finds by polling, which costs microseconds.
 */
export function createSqliteConsumer(parts: SqliteConsumerParts): SqliteConsumer {
  const { database, statements, clock, queueClock, queue, handler, options, log } = parts
  const { prefetch, leaseMs } = options
  const leased = createLeasedMessages(queueClock)
  const outcomes = createOutcomes(database, log)
  let mayBeDue = true
  let claiming: Promise<void> | undefined
  let isTurnScheduled = false
  let stopping: Promise<void> | undefined
  const dispatcher = createDispatcher({
    source: { take: leased.take, ...outcomesOf(parts, settle) },
    handler,
    options,
    clock,
  })
  const stopPolling = startPolling({ database, log, renewalMs: leaseMs / 3, queueClock, poll, renewLeases })
  wake()

  function wake(): void {
    mayBeDue = true
    scheduleTurn()
  }

  function scheduleTurn(): void {
    if (isTurnScheduled) return
    isTurnScheduled = true
    setImmediate(turn)
  }

  function turn(): void {
    isTurnScheduled = false
    outcomes.commit()
    if (mayBeDue && mayClaim()) claiming = claim()
  }

  function mayClaim(): boolean {
    return claiming === undefined && stopping === undefined && leased.size <= prefetch / 2
  }

  async function claim(): Promise<void> {
    mayBeDue = false
    const now = queueClock.now()
    const limit = prefetch - leased.size
    const until = now + leaseMs
    const { rows, isComplete } = await claimRows(parts, { now, until, limit })
    for (const row of rows) leased.add(row, until)
    if (!isComplete) mayBeDue = true
    claiming = undefined
    dispatcher.dispatch()
    if (mayBeDue) scheduleTurn()
  }

  function settle(message: LeasedMessage, unit: Statement[]): void {
    leased.remove(message)
    // The next message of the key can be claimed now.
    if (message.delivery.key !== '') mayBeDue = true
    outcomes.add(...unit)
    scheduleTurn()
  }

  async function poll(): Promise<void> {
    if (mayBeDue || !mayClaim()) return
    const due = await database.read(statements.due({ queue, now: queueClock.now() }))
    if (due.length > 0) wake()
  }

  function renewLeases(): void {
    const until = queueClock.now() + leaseMs
    for (const message of leased.renew(until))
      outcomes.add(statements.show({ ...leaseOf(message), at: until }), ...queueClock.note())
    scheduleTurn()
  }

  async function stop(): Promise<void> {
    const handled = dispatcher.stop()
    await claiming
    for (const message of leased.takeWaiting()) outcomes.add(statements.release(leaseOf(message)))
    scheduleTurn()
    await handled
    stopPolling()
    await outcomes.flush()
  }

  return {
    queue,
    wake,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}

/** Claims what is due, except messages that must wait for an earlier one of their key; complete if there was no more. */
async function claimRows(
  { database, statements, queueClock, queue, log }: SqliteConsumerParts,
  { now, until, limit }: { now: number; until: number; limit: number },
): Promise<{ rows: readonly Row[]; isComplete: boolean }> {
  const unit = [
    statements.claim({ queue, now, until, limit }),
    statements.putBehind({ queue, until }),
    ...queueClock.note(),
  ]
  const result = await database.commit(unit).catch((error: unknown) => {
    log.failed(error)
    return undefined
  })
  if (result !== undefined) log.succeeded()
  const [claimed, behind] = result?.results ?? []
  const putBack = new Set(behind?.rows.map(({ id }) => id))
  const rows = claimed?.rows.filter(({ id }) => !putBack.has(id)) ?? []
  return { rows, isComplete: claimed?.changes !== limit }
}

/** Records the outcomes of messages by the statements that `settle` gets. */
function outcomesOf(
  { statements, queueClock, queue }: SqliteConsumerParts,
  settle: (message: LeasedMessage, unit: Statement[]) => void,
) {
  return {
    acknowledge(message: LeasedMessage): void {
      settle(message, [statements.acknowledge(leaseOf(message))])
    },
    retry(message: LeasedMessage, afterMs: number): void {
      const at = queueClock.now() + afterMs
      settle(message, [statements.show({ ...leaseOf(message), at }), ...queueClock.note()])
    },
    release(message: LeasedMessage): void {
      settle(message, [statements.release(leaseOf(message))])
    },
    deadLetter(message: LeasedMessage, { reason, failedAt: at }: FailureDetails): void {
      const lease = leaseOf(message)
      settle(message, [
        statements.deadLetter({ ...lease, deadQueue: deadQueueOf(queue), at, reason }),
        statements.acknowledge(lease),
      ])
    },
  }
}

/** Polls more often where other processes may publish as well. */
function startPolling({
  database,
  queueClock,
  log,
  renewalMs,
  poll,
  renewLeases,
}: {
  database: Database<QueueTables>
  queueClock: QueueClock
  log: FailureLog
  renewalMs: number
  poll: () => Promise<void>
  renewLeases: () => void
}): () => void {
  let renewedAt = queueClock.now()
  let timer = schedule()

  function schedule(): NodeJS.Timeout {
    const intervalMs = database.isSingleProcess() ? singleProcessPollIntervalMs : pollIntervalMs
    return setTimeout(run, intervalMs).unref()
  }

  function run(): void {
    timer = schedule()
    const now = queueClock.now()
    if (now - renewedAt >= renewalMs) {
      renewedAt = now
      renewLeases()
    }
    poll().catch(log.failed)
  }

  return () => clearTimeout(timer)
}

function leaseOf({ id, delivery }: LeasedMessage): { id: number; attempts: number } {
  return { id, attempts: delivery.attempt }
}
