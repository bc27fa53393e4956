import type { Consumer as GroupMember } from '@platformatic/kafka'
import { withTimeout } from '../../clock/index.ts'
import type { Consumer } from '../port.ts'
import { joinGroup } from './membership.ts'
import { createPartitionSession } from './partition-session.ts'
import type { PartitionSession, PartitionSessionParts } from './partition-session.ts'

const drainTimeoutMs = 10_000
const commitTimeoutMs = 2_000

/**
 * A member of the queue's group. It delivers messages, those of one key one after the other, and commits an offset once all
 * messages before it are finished. Before the group rebalances it stops delivering, waits for the running handlers, and commits.
 * A member that Kafka has removed may still handle messages that others have by then: its commits are refused, and its
 * handler must be idempotent anyway.
 */
export function createKafkaConsumer(parts: PartitionSessionParts): Consumer {
  const { cluster, topic, options, log } = parts
  let session: PartitionSession | undefined
  let starting: Promise<void> = Promise.resolve()
  let draining: Promise<void> = Promise.resolve()
  let ending: Promise<void> = Promise.resolve()
  let isStopped = false
  const membership = joinGroup(
    { cluster, topic, leaseMs: options.leaseMs, log },
    {
      onAssigned(member, partitions) {
        starting = startSession(member, partitions)
        return starting
      },
      // Concurrent calls wait for the same end.
      onRevoked(isSilent) {
        ending = ending.then(() => endSession(isSilent))
        return ending
      },
      onHeartbeat: () => session?.dispatch(),
    },
  )

  async function startSession(member: GroupMember, partitions: readonly number[]): Promise<void> {
    const started = createPartitionSession(parts, {
      offsets: await startOffsets(partitions),
      isMember: membership.isMember,
      async commitOffsets(offsets) {
        const commits = [...offsets].map(([partition, offset]) => ({
          topic,
          partition,
          offset,
          leaderEpoch: -1,
        }))
        await member.commit({ offsets: commits })
      },
    })
    session = started
    // Messages that an earlier session is still handling must not be delivered concurrently.
    void draining.then(started.start)
  }

  /** The committed offsets; the first one of a partition where those are gone, or the topic was created again. */
  async function startOffsets(partitions: readonly number[]): Promise<Map<number, bigint>> {
    const [ranges, committed] = await Promise.all([cluster.ranges(topic), cluster.committed(topic)])
    return new Map(
      ranges
        .filter(({ partition }) => partitions.includes(partition))
        .map(({ partition, start, end }) => {
          const offset = committed.get(partition) ?? -1n
          return [partition, offset < start || offset > end ? start : offset]
        }),
    )
  }

  /** `stop` waits for as long as handlers run; a rebalance does not. */
  async function endSession(isSilent: boolean): Promise<void> {
    await starting.catch(() => {})
    const ended = session
    session = undefined
    if (ended === undefined) return
    draining = ended.stop()
    await (isStopped ? draining : withTimeout(drainTimeoutMs, draining).catch(() => {}))
    if (!isSilent) await withTimeout(commitTimeoutMs, ended.commit()).catch(() => {})
  }

  return {
    async stop() {
      isStopped = true
      await membership.stop()
    },
  }
}
