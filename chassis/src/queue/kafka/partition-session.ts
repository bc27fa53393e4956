import { setTimeout as pause } from 'node:timers/promises'
import { findErrorBy } from '@platformatic/kafka'
import type { Clock } from '../../clock/index.ts'
import { reconnectBackoffMs } from '../../clock/index.ts'
import type { FailureLog } from '../../telemetry/index.ts'
import { createDispatcher } from '../dispatcher.ts'
import type { FailureDetails } from '../dispatcher.ts'
import { deadQueueOf } from '../port.ts'
import type { BatchHandler, BatchOptions } from '../port.ts'
import type { KafkaCluster } from './cluster.ts'
import { recordOf } from './message.ts'
import { createPendingMessages } from './pending-messages.ts'
import type { PendingMessage, PendingMessages } from './pending-messages.ts'
import type { KafkaProducer } from './producer.ts'
import { openKafkaReader } from './reader.ts'

const fetchWaitMs = 500
const refetchMs = 200
const commitIntervalMs = 100
/** Read and not committed, since a message before them is retried; they are delivered again after a restart. */
const uncommittedMax = 100_000

export type PartitionSessionParts = {
  readonly cluster: KafkaCluster
  readonly producer: KafkaProducer
  readonly clock: Clock
  readonly topic: string
  readonly handler: BatchHandler
  readonly options: Required<BatchOptions>
  readonly log: FailureLog
}

/** The partitions that a consumer has been assigned, from one rebalance of the group to the next. */
export type PartitionSession = {
  /** Delivers messages that have become ready, while the consumer is a member of the group. */
  dispatch(): void
  /** Reads and delivers messages from now on. */
  start(): void
  /** Stops delivering and reading at once; resolves when the running handlers are done. */
  stop(): Promise<void>
  /** Commits the offsets of finished messages, after the commits that are in flight. */
  commit(): Promise<void>
}

export function createPartitionSession(
  parts: PartitionSessionParts,
  {
    offsets,
    isMember,
    commitOffsets,
  }: {
    /** Where to start reading, by partition. */
    offsets: Map<number, bigint>
    isMember: () => boolean
    commitOffsets: (offsets: ReadonlyMap<number, bigint>) => Promise<void>
  },
): PartitionSession {
  const { options } = parts
  const pending = createPendingMessages()
  const fetcher = createFetcher(parts, { offsets, pending, onFetched: dispatch })
  const timers = new Set<NodeJS.Timeout>()
  let isOpen = true
  let committing = Promise.resolve()
  const dispatcher = createDispatcher({
    ...parts,
    source: {
      take: (max) => (isOpen && isMember() ? pending.take(max) : []),
      acknowledge: finish,
      retry,
      // It is read again by the next member of the group, since its offset is not committed.
      release() {},
      async deadLetter(message, failure) {
        if (!(await publishDeadLetter(parts, message, failure, () => isOpen))) return
        finish(message)
        dispatch()
      },
    },
  })

  function dispatch(): void {
    dispatcher.dispatch()
  }

  function finish(message: PendingMessage): void {
    pending.finish(message)
    if (hasRoom(pending, options)) fetcher.resume()
  }

  function retry(message: PendingMessage, afterMs: number): void {
    if (!isOpen) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      pending.retry(message)
      dispatch()
    }, afterMs)
    timers.add(timer)
  }

  function commit(): Promise<void> {
    committing = committing.then(async () => {
      const committable = pending.takeCommittable()
      if (committable.size === 0) return
      await commitOffsets(committable).catch(() => pending.putBack(committable))
    })
    return committing
  }

  async function commitRegularly(): Promise<void> {
    while (isOpen) {
      await pause(commitIntervalMs, undefined, { ref: false })
      if (isOpen) await commit()
    }
  }

  void commitRegularly()
  return {
    dispatch,
    start() {
      if (isOpen) fetcher.start()
    },
    stop() {
      isOpen = false
      fetcher.stop()
      for (const timer of timers) clearTimeout(timer)
      return dispatcher.stop()
    },
    commit,
  }
}

/** Retries until the dead letter is confirmed; false if the session ended before, so that the message is delivered again. */
async function publishDeadLetter(
  { cluster, producer, topic, log }: PartitionSessionParts,
  message: PendingMessage,
  failure: FailureDetails,
  isOpen: () => boolean,
): Promise<boolean> {
  const deadTopic = deadQueueOf(topic)
  for (let failures = 1; ; failures += 1) {
    try {
      await cluster.ensureQueue(topic)
      await producer.send(deadTopic, [recordOf(deadTopic, message.delivery, failure)])
      return true
    } catch (error) {
      if (!isOpen()) return false
      log.failed(error)
      await pause(reconnectBackoffMs(failures))
    }
  }
}

function hasRoom({ size, uncommitted }: PendingMessages, { prefetch }: Required<BatchOptions>): boolean {
  return size < prefetch && uncommitted < uncommittedMax
}

/** Reads from each leader by one request after the other, and pauses while there is no room for more messages. */
function createFetcher(
  { cluster, topic, options, log }: PartitionSessionParts,
  {
    offsets,
    pending,
    onFetched,
  }: { offsets: Map<number, bigint>; pending: PendingMessages; onFetched: () => void },
) {
  const reader = openKafkaReader(cluster, topic)
  let isOpen = true
  let isStarted = false
  let resumed = Promise.withResolvers<void>()

  async function fetchAll(): Promise<void> {
    while (isOpen) {
      try {
        const leaders = await reader.leaders([...offsets.keys()])
        await Promise.all([...leaders].map(([node, partitions]) => fetchFrom(node, partitions)))
      } catch (error) {
        if (!isOpen) return
        log.failed(error)
        await recover(error)
      }
    }
  }

  async function fetchFrom(node: number, partitions: readonly number[]): Promise<void> {
    while (isOpen) {
      const starts = partitions.map((partition) => ({ partition, offset: offsets.get(partition) ?? 0n }))
      const { records, next } = await reader.fetch(node, starts, fetchWaitMs)
      if (!isOpen) return
      log.succeeded()
      for (const [partition, offset] of next) offsets.set(partition, offset)
      for (const record of records) pending.add(record)
      onFetched()
      if (!hasRoom(pending, options)) await resumed.promise
    }
  }

  /** Offsets may have been removed, or the topic created again. */
  async function recover(error: unknown): Promise<void> {
    await pause(refetchMs)
    if (!(error instanceof Error) || findErrorBy(error, 'apiId', 'OFFSET_OUT_OF_RANGE') === null) return
    const ranges = await cluster.ranges(topic).catch(() => [])
    for (const { partition, start, end } of ranges) {
      const offset = offsets.get(partition)
      if (offset !== undefined && (offset < start || offset > end)) offsets.set(partition, start)
    }
  }

  return {
    start(): void {
      isStarted = true
      void fetchAll().finally(reader.close)
    },
    resume(): void {
      resumed.resolve()
      resumed = Promise.withResolvers()
    },
    stop(): void {
      isOpen = false
      resumed.resolve()
      if (!isStarted) void reader.close()
    },
  }
}
