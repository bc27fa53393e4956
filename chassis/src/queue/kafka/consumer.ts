import { setTimeout as pause } from 'node:timers/promises'
import { Consumer as GroupMember, findErrorBy } from '@platformatic/kafka'
import type { Clock } from '../../clock/index.ts'
import { exponentialBackoffMs } from '../../clock/index.ts'
import { deadQueueOf } from '../port.ts'
import { failuresOf, isPoison, reasonOf } from '../dispatcher.ts'
import type { BatchHandler, BatchOptions, Consumer } from '../port.ts'
import { groupOf } from './cluster.ts'
import type { KafkaCluster } from './cluster.ts'
import { createPendingMessages } from './pending-messages.ts'
import type { PendingMessage, PendingMessages } from './pending-messages.ts'
import { recordOf } from './message.ts'
import type { KafkaProducer } from './producer.ts'
import { openKafkaReader } from './reader.ts'
import type { KafkaReader } from './reader.ts'

const sessionMsMin = 6_000
const sessionMsMax = 300_000
const rebalanceWithinMs = 20_000
const requestMarginMs = 5_000
const heartbeatMs = 1_000
const drainWithinMs = 10_000
const commitIntervalMs = 100
const commitWithinMs = 2_000
const leaveWithinMs = 2_000
const fetchWaitMs = 500
const fetchAgainMs = 200
const joinAgainMs = 300

/** The share of the queue that this consumer has from one rebalance of the group to the next. */
type Session = {
  readonly holdings: PendingMessages
  readonly reader: KafkaReader
  readonly underway: Set<Promise<unknown>>
  readonly timers: Set<NodeJS.Timeout>
  readonly next: Map<number, bigint>
  open: boolean
  room: PromiseWithResolvers<void>
  fetching: Promise<void>
  committing: Promise<void>
}

/**
 * A member of the queue's group. What it reads it hands out in batches, one message of a key at a time, and it commits
 * places once all before them is done. When the group is about to share anew it stops handing out, waits for what is being
 * handled, and commits, before it agrees. A member that Kafka took for dead may still handle what others have by then: its
 * commits are refused, and its handler must bear that, as it must bear any repetition.
 */
export function createKafkaConsumer({
  cluster,
  producer,
  clock,
  topic,
  handler,
  options,
  onCommit,
}: {
  cluster: KafkaCluster
  producer: KafkaProducer
  clock: Clock
  topic: string
  handler: BatchHandler
  options: BatchOptions
  onCommit: () => void
}): Consumer {
  const { concurrency = 32, prefetch = 256, batchMax = 1, attemptsMax = 5, leaseMs = 10_000 } = options
  const { backoffMs = exponentialBackoffMs } = options
  const sessionTimeout = Math.min(sessionMsMax, Math.max(sessionMsMin, leaseMs))
  const stopping = Promise.withResolvers<void>()
  let stopped = false
  let session: Session | undefined
  let beginning: Promise<void> = Promise.resolve()
  let draining: Promise<void> = Promise.resolve()
  let ending: Promise<void> = Promise.resolve()
  let handling = 0
  let heardAt = 0
  const running = run()

  async function run(): Promise<void> {
    while (!stopped) {
      await takePart().catch(() => {})
      if (!stopped) await Promise.race([atMost(joinAgainMs), stopping.promise])
    }
  }

  /** From joining the group to leaving it, or to being lost. */
  async function takePart(): Promise<void> {
    await cluster.ensureQueue(topic)
    const lost = Promise.withResolvers<void>()
    const part = { taken: true }
    const member = createMember(part, lost.resolve)
    try {
      await Promise.race([member.joinGroup({}), stopping.promise])
      await Promise.race([lost.promise, stopping.promise])
    } finally {
      part.taken = false
      await endSession(member)
      await leave(member)
    }
  }

  /** Left before it is closed, since a member that is closed while it joins goes on telling that it lives. */
  async function leave(member: GroupMember): Promise<void> {
    await Promise.race([Promise.resolve(member.leaveGroup(true)).catch(() => {}), atMost(leaveWithinMs)])
    await Promise.race([member.close(true).catch(() => {}), atMost(leaveWithinMs)])
  }

  function createMember(part: { readonly taken: boolean }, lose: () => void): GroupMember {
    const rebalanceTimeout = Math.max(rebalanceWithinMs, sessionTimeout)
    const member = new GroupMember({
      ...cluster.options,
      // Kafka answers a request to join when all members are there, or their time is up.
      requestTimeout: rebalanceTimeout + requestMarginMs,
      groupId: groupOf(topic),
      sessionTimeout,
      rebalanceTimeout,
      heartbeatInterval: heartbeatMs,
      // It is asked for when the member is about to join, for the first time or anew.
      protocolsMetadata: async () => {
        await endSession(member)
        return Buffer.alloc(0)
      },
    })
    member.topics.track(topic)
    member.on('error', lose)
    member.on('consumer:heartbeat:end', () => {
      heardAt = performance.now()
      if (session !== undefined) begin(session)
    })
    member.on('consumer:group:join', ({ assignments }) => {
      if (!part.taken || stopped) return
      heardAt = performance.now()
      const mine = assignments?.find((one) => one.topic === topic)?.partitions ?? []
      beginning = beginSession(member, mine).catch(lose)
    })
    return member
  }

  async function beginSession(member: GroupMember, partitions: readonly number[]): Promise<void> {
    const begun: Session = {
      holdings: createPendingMessages(),
      reader: openKafkaReader(cluster, topic),
      underway: new Set(),
      timers: new Set(),
      next: new Map(),
      open: true,
      room: Promise.withResolvers(),
      fetching: Promise.resolve(),
      committing: Promise.resolve(),
    }
    session = begun
    for (const [partition, offset] of await startsOf(partitions)) begun.next.set(partition, offset)
    // What an earlier session is still handling must not be handed out beside it.
    begun.fetching = draining.then(() => fetchAll(begun))
    void keepCommitting(member, begun)
  }

  /** Where the group stands, or where what is kept begins, when that is further, or when the topic was made anew. */
  async function startsOf(partitions: readonly number[]): Promise<[number, bigint][]> {
    const [ranges, committed] = await Promise.all([cluster.ranges(topic), cluster.committed(topic)])
    return ranges
      .filter(({ partition }) => partitions.includes(partition))
      .map(({ partition, start, end }) => {
        const place = committed.get(partition) ?? -1n
        return [partition, place < start || place > end ? start : place]
      })
  }

  async function fetchAll(from: Session): Promise<void> {
    while (from.open) {
      try {
        const leaders = await from.reader.leaders([...from.next.keys()])
        await Promise.all([...leaders].map(([node, partitions]) => fetchFrom(from, node, partitions)))
      } catch (error) {
        if (from.open) await recover(from, error)
      }
    }
  }

  /** One question after the other to one broker, until one of them fails. */
  async function fetchFrom(from: Session, node: number, partitions: readonly number[]): Promise<void> {
    while (from.open) {
      const places = partitions.map((partition) => ({ partition, offset: from.next.get(partition) ?? 0n }))
      const { records, next } = await from.reader.fetch(node, places, fetchWaitMs)
      if (!from.open) return
      for (const [partition, offset] of next) from.next.set(partition, offset)
      for (const record of records) from.holdings.hold(record)
      begin(from)
      if (from.holdings.size >= prefetch) await from.room.promise
    }
  }

  async function recover(from: Session, error: unknown): Promise<void> {
    await pause(fetchAgainMs)
    if (!(error instanceof Error) || findErrorBy(error, 'apiId', 'OFFSET_OUT_OF_RANGE') === null) return
    const ranges = await cluster.ranges(topic).catch(() => [])
    for (const { partition, start, end } of ranges) {
      const place = from.next.get(partition)
      if (place !== undefined && (place < start || place > end)) from.next.set(partition, start)
    }
  }

  function begin(from: Session): void {
    const isHeard = performance.now() - heardAt < sessionTimeout
    while (from.open && isHeard && handling < concurrency && from.holdings.hasReady())
      track(from, handle(from, from.holdings.take(batchMax)))
    if (from.holdings.size < prefetch) {
      from.room.resolve()
      from.room = Promise.withResolvers()
    }
  }

  async function handle(from: Session, batch: readonly PendingMessage[]): Promise<void> {
    handling += 1
    const deliveries = batch.map(({ message, attempt }) => ({ ...message, attempt }))
    const failures = await failuresOf(handler, deliveries)
    handling -= 1
    for (const [i, delivery] of deliveries.entries()) {
      const held = batch[i]
      if (held === undefined) continue
      if (!failures.has(delivery)) from.holdings.finish(held)
      else if (isPoison(failures.get(delivery)) || held.attempt >= attemptsMax)
        track(from, bury(from, held, failures.get(delivery)))
      else tryLater(from, held)
    }
    if (session !== undefined) begin(session)
  }

  function tryLater(from: Session, held: PendingMessage): void {
    if (!from.open) return
    const timer = setTimeout(() => {
      from.timers.delete(timer)
      from.holdings.again(held)
      begin(from)
    }, backoffMs(held.attempt))
    from.timers.add(timer)
  }

  /** A message leaves its queue when the dead letter is confirmed, and not before. */
  async function bury(from: Session, held: PendingMessage, error: unknown): Promise<void> {
    const dead = deadQueueOf(topic)
    const fate = { attempts: held.attempt, reason: reasonOf(error), failedAt: clock.now() }
    for (let failures = 0; ; ) {
      try {
        await cluster.ensureQueue(topic)
        await producer.send(dead, [recordOf(dead, held.message, fate)])
        break
      } catch {
        if (!from.open) return
        failures += 1
        await pause(exponentialBackoffMs(failures))
      }
    }
    from.holdings.finish(held)
    begin(from)
  }

  async function keepCommitting(member: GroupMember, from: Session): Promise<void> {
    while (from.open) {
      await atMost(commitIntervalMs)
      if (from.open) await commit(member, from)
    }
  }

  /** One commit after the other, so that none overtakes an earlier one and whoever waits for it waits for all. */
  function commit(member: GroupMember, from: Session): Promise<void> {
    from.committing = from.committing.then(async () => {
      const taken = from.holdings.takeCommittable()
      if (taken.size === 0) return
      const offsets = [...taken].map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }))
      await member.commit({ offsets }).then(onCommit, () => from.holdings.giveBack(taken))
    })
    return from.committing
  }

  /** Asked for by the group and by who stops, perhaps at one time: both wait for the same end. */
  function endSession(member: GroupMember): Promise<void> {
    ending = ending.then(() => end(member))
    return ending
  }

  /** Who stops waits for as long as handlers take; the group does not wait for a member longer than it must. */
  async function end(member: GroupMember): Promise<void> {
    await beginning
    const ended = session
    session = undefined
    if (ended === undefined) return
    ended.open = false
    ended.room.resolve()
    for (const timer of ended.timers) clearTimeout(timer)
    draining = drain(ended.underway)
    await Promise.race(stopped ? [draining] : [draining, atMost(drainWithinMs)])
    await Promise.race([commit(member, ended), atMost(commitWithinMs)])
    void ended.fetching.finally(ended.reader.close)
  }

  return {
    async stop() {
      stopped = true
      stopping.resolve()
      await running
    },
  }
}

function track(session: Session, work: Promise<unknown>): void {
  session.underway.add(work)
  void work.finally(() => session.underway.delete(work))
}

async function drain(underway: ReadonlySet<Promise<unknown>>): Promise<void> {
  while (underway.size > 0) await Promise.allSettled(underway)
}

/** A pause that keeps no process from ending. */
function atMost(ms: number): Promise<void> {
  return pause(ms, undefined, { ref: false })
}
