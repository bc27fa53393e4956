import type { Clock } from '../../clock/index.ts'
import type { Database, Row, Statement } from '../../database/index.ts'
import { exponentialBackoffMs } from '../../clock/index.ts'
import { deadQueueOf } from '../port.ts'
import { failuresOf, isPoison, reasonOf } from '../dispatcher.ts'
import type { BatchHandler, BatchOptions, Consumer, Delivery } from '../port.ts'
import type { QueueStatements, QueueTables } from './statements.ts'

const lookIntervalMs = 25
const soleLookIntervalMs = 100

/** `wake` says that something may have become due. */
export type SqliteConsumer = Consumer & { readonly queue: string; wake(): void }

/** A message under a lease of this consumer. */
type LeasedMessage = { readonly id: number; readonly delivery: Delivery; leaseUntil: number }

/**
 * Takes messages ahead and hands them out. All that it has to say to the database in one turn of the event loop travels
 * together: outcomes first, then, when half of what it may hold is gone, one claim for more. What was published here
 * wakes it; what others published, and what has become due by the clock, it finds by looking, which costs microseconds.
 */
export function createSqliteConsumer({
  database,
  statements,
  clock,
  queue,
  handler,
  options,
}: {
  database: Database<QueueTables>
  statements: QueueStatements
  clock: Clock
  queue: string
  handler: BatchHandler
  options: BatchOptions
}): SqliteConsumer {
  const { concurrency = 32, prefetch = 256, batchMax = 1, attemptsMax = 5, leaseMs = 10_000 } = options
  const { backoffMs = exponentialBackoffMs } = options
  const held = new Set<LeasedMessage>()
  const waiting: LeasedMessage[] = []
  const underway = new Set<Promise<unknown>>()
  let outcomes: Statement[] = []
  let handling = 0
  let mayBeMore = true
  let claiming: Promise<void> | undefined
  let scheduled = false
  let stopping = false
  let stopped: Promise<void> | undefined
  let renewedAt = clock.now()
  let timer: NodeJS.Timeout | undefined
  wake()
  lookLater()

  function wake(): void {
    mayBeMore = true
    scheduleTurn()
  }

  function scheduleTurn(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  }

  function turn(): void {
    scheduled = false
    if (outcomes.length > 0) {
      // An outcome that cannot be stored leaves the lease to lapse, and the message to be handed out again.
      track(database.commit(outcomes).catch(ignore))
      outcomes = []
    }
    if (mayBeMore && claiming === undefined && !stopping && held.size <= prefetch / 2) claiming = claim()
  }

  async function claim(): Promise<void> {
    mayBeMore = false
    const now = clock.now()
    const limit = prefetch - held.size
    const until = now + leaseMs
    const unit = [statements.claim({ queue, now, until, limit }), statements.putBehind({ queue, until })]
    const [claimed, behind] = (await database.commit(unit).catch(ignore))?.results ?? []
    const putBack = new Set(behind?.rows.map(({ id }) => id))
    for (const row of claimed?.rows ?? []) if (!putBack.has(row.id)) hold(row, until)
    if (claimed?.changes === limit) mayBeMore = true
    claiming = undefined
    begin()
    if (mayBeMore) scheduleTurn()
  }

  function hold(row: Row, leaseUntil: number): void {
    const message = { id: Number(row.id), delivery: deliveryOf(row), leaseUntil }
    held.add(message)
    waiting.push(message)
  }

  function begin(): void {
    while (handling < concurrency && waiting.length > 0 && !stopping) {
      const batch = waiting.splice(0, batchMax).filter(stillMine)
      if (batch.length > 0) track(handle(batch))
    }
  }

  /** After a lapse, as when the machine was asleep, others may have the message already. */
  function stillMine(message: LeasedMessage): boolean {
    if (clock.now() < message.leaseUntil) return true
    held.delete(message)
    return false
  }

  async function handle(batch: readonly LeasedMessage[]): Promise<void> {
    handling += 1
    const failures = await failuresOf(
      handler,
      batch.map(({ delivery }) => delivery),
    )
    handling -= 1
    for (const message of batch) settle(message, failures)
    begin()
    scheduleTurn()
  }

  function settle(message: LeasedMessage, failures: ReadonlyMap<Delivery, unknown>): void {
    const { id, delivery } = message
    held.delete(message)
    // The next one of the key can be taken now.
    if (delivery.key !== '') mayBeMore = true
    const taken = { id, attempts: delivery.attempt }
    if (!failures.has(delivery)) outcomes.push(statements.acknowledge(taken))
    else outcomes.push(...fail(taken, failures.get(delivery)))
  }

  function fail(taken: { id: number; attempts: number }, error: unknown): Statement[] {
    const at = clock.now()
    if (!isPoison(error) && taken.attempts < attemptsMax)
      return [statements.show({ ...taken, at: at + backoffMs(taken.attempts) })]
    const reason = reasonOf(error)
    return [
      statements.bury({ ...taken, deadQueue: deadQueueOf(queue), at, reason }),
      statements.acknowledge(taken),
    ]
  }

  function lookLater(): void {
    const intervalMs = database.isSingleProcess() ? soleLookIntervalMs : lookIntervalMs
    timer = setTimeout(() => {
      lookLater()
      void look()
    }, intervalMs).unref()
  }

  async function look(): Promise<void> {
    const now = clock.now()
    if (now - renewedAt >= leaseMs / 3) renew(now)
    if (!mayBeMore && claiming === undefined && held.size <= prefetch / 2 && (await isDue(now))) wake()
  }

  async function isDue(now: number): Promise<boolean> {
    try {
      return (await database.read(statements.due({ queue, now }))).length > 0
    } catch {
      return false
    }
  }

  function renew(now: number): void {
    renewedAt = now
    const until = now + leaseMs
    for (const message of held) {
      if (message.leaseUntil <= now) continue
      message.leaseUntil = until
      outcomes.push(statements.show({ id: message.id, attempts: message.delivery.attempt, at: until }))
    }
    scheduleTurn()
  }

  async function stop(): Promise<void> {
    stopping = true
    await claiming
    for (const { id, delivery } of waiting.splice(0))
      outcomes.push(statements.release({ id, attempts: delivery.attempt }))
    do {
      turn()
      await Promise.all(underway)
    } while (underway.size > 0 || outcomes.length > 0)
    clearTimeout(timer)
  }

  function track(work: Promise<unknown>): void {
    underway.add(work)
    void work.finally(() => underway.delete(work))
  }

  return {
    queue,
    wake,
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

function ignore(): undefined {
  return undefined
}

function deliveryOf({ message_id, key, body, headers, attempts }: Row): Delivery {
  return {
    id: String(message_id),
    key: typeof key === 'string' ? key : '',
    body: String(body),
    ...(typeof headers === 'string' && { headers: JSON.parse(headers) }),
    attempt: Number(attempts),
  }
}
