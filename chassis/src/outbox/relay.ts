import { randomUUID } from 'node:crypto'
import { durationClockOf, reconnectBackoffMs, systemClock } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { Message, WorkQueue } from '../queue/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import type { Outbox, OutboxRelay, OutboxRow } from './port.ts'

/** Where rows are published to, by their `queue`. */
type Destinations = {
  readonly queue: Pick<WorkQueue, 'publishAll'>
  /** Event streams by name, with how to append to each; all other names are queues. */
  readonly streams?: Readonly<Record<string, (messages: readonly Message[]) => Promise<void>>>
}

/** How long rows collect after `wake`, so that one batch serves many commits. */
const collectMs = 10
/** The same soon after another batch, that is, under load. */
const collectUnderLoadMs = 50
const pollIntervalMs = 200

const failureTexts = {
  failing:
    'messages cannot be published and wait in the outbox: check that the database and the queue respond and that the queue is not full, for example by quintet doctor and quintet queue list',
  recovered: 'messages of the outbox are published again',
}

/**
 * Publishes the rows of an outbox: in order, at least once, a message always under the same id. Of the processes that share
 * a database one relays at a time, under a lease that it holds only while there are rows. While a queue is down or full its
 * rows stay in the outbox, and the relay backs off.
 */
export function createRelay({
  outbox,
  clock,
  logger,
  batchMax = 500,
  leaseMs = 10_000,
  ...destinations
}: Destinations & {
  outbox: Outbox
  clock: Clock
  logger?: FailureLogger
  batchMax?: number
  leaseMs?: number
}): OutboxRelay {
  const holder = randomUUID()
  const durations = durationClockOf(clock)
  const log = createFailureLog(logger, failureTexts)
  let relaying: Promise<void> | undefined
  let collecting: NodeJS.Timeout | undefined
  let relayedAt = Number.NEGATIVE_INFINITY
  let stopping = false
  let failures = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  let batchSize = batchMax
  const timer = setInterval(poll, pollIntervalMs).unref()

  function wake(): void {
    const isUnderLoad = performance.now() - relayedAt < collectUnderLoadMs
    collecting ??= setTimeout(poll, isUnderLoad ? collectUnderLoadMs : collectMs).unref()
  }

  function poll(): void {
    clearTimeout(collecting)
    collecting = undefined
    if (stopping || durations.now() < pausedUntil) return
    if (relaying !== undefined) {
      wake()
      return
    }
    relaying = relay()
      .catch(backOff)
      .finally(() => {
        relaying = undefined
        relayedAt = performance.now()
      })
  }

  async function relay(): Promise<void> {
    if ((await outbox.oldest(1)).length > 0) {
      const until = durations.now() + leaseMs / 2
      const now = clock === systemClock ? undefined : clock.now()
      const source = await outbox.takeLease({ holder, leaseMs, now })
      if (source !== undefined) await relayUnderLease(source, until)
    }
    failures = 0
    log.succeeded()
  }

  /** The removal of the last rows ends the lease; after a failure it expires. */
  async function relayUnderLease(source: string, until: number): Promise<void> {
    for (let more = true; more; ) {
      const rows = await outbox.oldest(batchSize)
      const { published, messageCount, error } = await publishRows(destinations, source, rows)
      more = error === undefined && messageCount >= batchSize && !stopping && durations.now() < until
      await outbox.remove(published, more ? undefined : holder)
      if (error !== undefined) throw error
      batchSize = Math.min(batchMax, batchSize * 2)
    }
  }

  function backOff(error: unknown): void {
    log.failed(error)
    failures += 1
    pausedUntil = durations.now() + reconnectBackoffMs(failures)
    // A queue without room for a whole batch may have room for a smaller one.
    if (error instanceof AppError && error.code === 'overloaded') batchSize = Math.ceil(batchSize / 2)
  }

  return {
    wake,
    async stop() {
      stopping = true
      clearInterval(timer)
      clearTimeout(collecting)
      await relaying
    },
    async backlog() {
      const { rows, oldestAt } = await outbox.backlog()
      const now = clock.now()
      return { rows, oldestAgeMs: Math.max(0, now - (oldestAt ?? now)) }
    },
  }
}

/** Publishes to each queue separately, so that a full one does not delay the others. */
async function publishRows(
  { queue, streams = {} }: Destinations,
  source: string,
  rows: readonly OutboxRow[],
): Promise<{ published: OutboxRow[]; messageCount: number; error?: unknown }> {
  const published: OutboxRow[] = []
  let messageCount = 0
  let error: unknown
  const publications = [...Map.groupBy(rows, (row) => row.queue)].map(async ([name, group]) => {
    const messages = group.flatMap((row) => messagesOf(source, row))
    try {
      await (streams[name]?.(messages) ?? queue.publishAll(name, messages))
      published.push(...group)
      messageCount += messages.length
    } catch (cause) {
      error = cause
    }
  })
  await Promise.all(publications)
  return { published, messageCount, error }
}

/** Ids are made of the row's, so that a message that is published again has the same one. */
function messagesOf(source: string, { id, message_id, key, keys, body }: OutboxRow): Message[] {
  if (typeof keys !== 'string') return [{ id: message_id ?? `${source}-${id}`, key, body }]
  const bodies: string[] = JSON.parse(body)
  const allKeys: string[] = JSON.parse(keys)
  return bodies.map((one, i) => ({ id: `${source}-${id}-${i}`, key: allKeys[i] ?? '', body: one }))
}
