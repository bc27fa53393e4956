import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import { exponentialBackoffMs } from '../clock/index.ts'
import type { Message, Queue, StreamOptions } from '../queue/index.ts'

/** Messages that were stored with what they tell of and have not reached their queues yet, wherever they are stored. */
export type Outbox = {
  /**
   * Rows of those that have waited longest, each key's in their order: of `limit` messages for each queue, give or take a row,
   * and fewer in all only where there are no more.
   */
  oldest(limit: number): Promise<readonly OutboxRow[]>
  /** The name of this storage, if nobody else holds the lease at `now`. */
  takeLease(lease: { holder: string; now: number; until: number }): Promise<string | undefined>
  /** Removes exactly these; and gives back the lease of a holder, where one is named. */
  remove(rows: readonly OutboxRow[], holder: string | undefined): Promise<void>
  /** How many wait, at most, and since when the oldest does. */
  backlog(): Promise<{ rows: number; oldestAt?: number }>
}

/**
 * `id` is the storage's own; `message_id` is what the message is to be known by, else it is made of the other. With `keys` the
 * row stands for several messages: both they and the body are then JSON arrays.
 */
export type OutboxRow = {
  readonly id: number | string
  readonly queue: string
  readonly message_id: string | null
  readonly key: string
  readonly keys?: string | null
  readonly body: string
}

export type OutboxRelay = {
  /** Says that rows were committed, to have them relayed sooner than the next look would. */
  wake(): void
  /** Waits for what is being relayed; the rest stays for the next start. */
  stop(): Promise<void>
  /** How many rows wait, at most, and the age of the oldest. */
  backlog(): Promise<{ rows: number; oldestAgeMs: number }>
}

/** How long rows gather after a `wake` before they leave, so that a group is worth its commits. */
const gatherMs = 10
/** The same under load, which is when rows come again soon after others have left. */
const gatherUnderLoadMs = 50
const lookIntervalMs = 200

/**
 * Carries what services committed to the queue: in the order of the rows, at least once, each message under one id however
 * often it is sent. Of the processes that share a database one relays at a time, under a lease that is held only while
 * there is something to relay. While a queue is down or full the rows wait, and tries grow rarer.
 */
export function createRelay({
  outbox,
  queue,
  clock,
  streams = {},
  batchMax = 500,
  leaseMs = 10_000,
}: {
  outbox: Outbox
  queue: Pick<Queue, 'publishAll' | 'append'>
  clock: Clock
  /** Which names are streams, and how much they keep; all others are queues. */
  streams?: Readonly<Record<string, StreamOptions>>
  batchMax?: number
  leaseMs?: number
}): OutboxRelay {
  const holder = randomUUID()
  let relaying: Promise<void> | undefined
  let gathering: NodeJS.Timeout | undefined
  let relayedAt = Number.NEGATIVE_INFINITY
  let stopping = false
  let failures = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  let batchSize = batchMax
  const timer = setInterval(look, lookIntervalMs).unref()

  function wake(): void {
    const isUnderLoad = performance.now() - relayedAt < gatherUnderLoadMs
    gathering ??= setTimeout(look, isUnderLoad ? gatherUnderLoadMs : gatherMs).unref()
  }

  function look(): void {
    clearTimeout(gathering)
    gathering = undefined
    if (stopping || clock.now() < pausedUntil) return
    if (relaying !== undefined) {
      wake()
      return
    }
    relaying = relay()
      .catch(pause)
      .finally(() => {
        relaying = undefined
        relayedAt = performance.now()
      })
  }

  async function relay(): Promise<void> {
    if ((await outbox.oldest(1)).length > 0) {
      const now = clock.now()
      const source = await outbox.takeLease({ holder, now, until: now + leaseMs })
      if (source !== undefined) await relayUnderLease(source, now + leaseMs / 2)
    }
    failures = 0
  }

  /** The lease is given back with the removal of the last rows, or left to lapse when something fails. */
  async function relayUnderLease(source: string, until: number): Promise<void> {
    for (let more = true; more; ) {
      const rows = await outbox.oldest(batchSize)
      const { relayed, count, error } = await publish(source, rows)
      more = error === undefined && count >= batchSize && !stopping && clock.now() < until
      await outbox.remove(relayed, more ? undefined : holder)
      if (error !== undefined) throw error
      batchSize = Math.min(batchMax, batchSize * 2)
    }
  }

  function pause(error: unknown): void {
    failures += 1
    pausedUntil = clock.now() + exponentialBackoffMs(failures)
    // A queue that has no room for all may have it for some.
    if (error instanceof AppError && error.code === 'overloaded') batchSize = Math.ceil(batchSize / 2)
  }

  /** Each queue fares on its own, so that a full one does not hold back what goes to another. */
  async function publish(
    source: string,
    rows: readonly OutboxRow[],
  ): Promise<{ relayed: OutboxRow[]; count: number; error?: unknown }> {
    const relayed: OutboxRow[] = []
    let count = 0
    let error: unknown
    const publications = [...Map.groupBy(rows, (row) => row.queue)].map(async ([name, group]) => {
      const messages = group.flatMap((row) => messagesOf(source, row))
      const stream = streams[name]
      try {
        await (stream === undefined ? queue.publishAll(name, messages) : queue.append(name, messages, stream))
        relayed.push(...group)
        count += messages.length
      } catch (cause) {
        error = cause
      }
    })
    await Promise.all(publications)
    return { relayed, count, error }
  }

  return {
    wake,
    async stop() {
      stopping = true
      clearInterval(timer)
      clearTimeout(gathering)
      await relaying
    },
    async backlog() {
      const { rows, oldestAt } = await outbox.backlog()
      const now = clock.now()
      return { rows, oldestAgeMs: now - (oldestAt ?? now) }
    },
  }
}

function messagesOf(source: string, { id, message_id, key, keys, body }: OutboxRow): Message[] {
  if (typeof keys !== 'string') return [{ id: message_id ?? `${source}-${id}`, key, body }]
  const bodies: string[] = JSON.parse(body)
  const allKeys: string[] = JSON.parse(keys)
  return bodies.map((one, i) => ({ id: `${source}-${id}-${i}`, key: allKeys[i] ?? '', body: one }))
}
