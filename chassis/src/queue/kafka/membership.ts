import { setTimeout as pause } from 'node:timers/promises'
import { Consumer as GroupMember } from '@platformatic/kafka'
import { withTimeout } from '../../clock/index.ts'
import type { FailureLog } from '../../telemetry/index.ts'
import { groupOf } from './cluster.ts'
import type { KafkaCluster } from './cluster.ts'

const sessionMsMin = 6_000
const sessionMsMax = 300_000
const rebalanceTimeoutMs = 20_000
const requestMarginMs = 5_000
const heartbeatMs = 500
/** Past this, what was sent is lost, as where a connection was accepted by something that forwards nothing. */
const heartbeatTimeoutMs = 3_000
const leaveTimeoutMs = 2_000
const rejoinMs = 300

type Membership = {
  /** Whether Kafka still counts this consumer as a member, judged by the last heartbeat. */
  isMember(): boolean
  /** Leaves the group. */
  stop(): Promise<void>
}

type MembershipListener = {
  onAssigned(member: GroupMember, partitions: readonly number[]): Promise<void>
  /**
   * Before the group rebalances, and before the member leaves it; `isSilent` if the brokers do not respond, so that nothing can be
   * committed.
   */
  onRevoked(isSilent: boolean): Promise<void>
  onHeartbeat(): void
}

/** Joins the group of a queue, and joins again when the membership is lost, until it is stopped. */
export function joinGroup(
  {
    cluster,
    topic,
    leaseMs,
    log,
  }: { cluster: KafkaCluster; topic: string; leaseMs: number; log: FailureLog },
  { onAssigned, onRevoked, onHeartbeat }: MembershipListener,
): Membership {
  const sessionTimeout = Math.min(sessionMsMax, Math.max(sessionMsMin, leaseMs))
  const stopping = Promise.withResolvers<void>()
  let isStopped = false
  let heartbeatAt = 0
  /** The last member, if it could not leave; the group would wait for it until its session has expired. */
  let leftBehind: string | undefined
  const running = run()

  async function run(): Promise<void> {
    while (!isStopped) {
      await participate().catch(log.failed)
      if (!isStopped) await Promise.race([pause(rejoinMs, undefined, { ref: false }), stopping.promise])
    }
  }

  /** From joining the group to leaving it, or to losing the membership. */
  async function participate(): Promise<void> {
    await cluster.ping()
    await cluster.ensureQueue(topic)
    const lost = Promise.withResolvers<void>()
    let isSilent = false
    let hasJoined = false
    let isLeaving = false
    function loseInSilence(): void {
      isSilent = true
      lost.resolve()
    }
    // While its broker restarts a member stays one, since it would take longer to join again.
    const stopListening = cluster.onSilence((wasUp) => (wasUp || !hasJoined) && loseInSilence())
    const member = createMember(cluster, topic, sessionTimeout, {
      onJoining() {
        hasJoined = false
        return onRevoked(false)
      },
      onJoined(partitions) {
        hasJoined = true
        if (isLeaving || isStopped) return
        heartbeatAt = performance.now()
        leftBehind = undefined
        onAssigned(member, partitions).catch(lost.resolve)
      },
      onHeartbeat() {
        heartbeatAt = performance.now()
        onHeartbeat()
      },
      onError: lost.resolve,
    })
    const stopWatching = watchHeartbeats(member, loseInSilence)
    try {
      if (leftBehind !== undefined) await Promise.race([removeMember(leftBehind), lost.promise])
      await Promise.race([member.joinGroup({}), lost.promise, stopping.promise])
      await Promise.race([lost.promise, stopping.promise])
    } finally {
      isLeaving = true
      stopListening()
      stopWatching()
      await onRevoked(isSilent)
      if (isSilent) {
        leftBehind = member.memberId ?? leftBehind
        void leave(member)
      } else await leave(member)
    }
  }

  /** Kafka refuses that where the session has expired already. */
  async function removeMember(id: string): Promise<void> {
    await cluster.removeMember(topic, id).catch(() => {})
  }

  return {
    isMember: () => performance.now() - heartbeatAt < sessionTimeout,
    async stop() {
      isStopped = true
      stopping.resolve()
      await running
    },
  }
}

/** A member that has not joined yet, of the group of this topic. */
function createMember(
  cluster: KafkaCluster,
  topic: string,
  sessionTimeout: number,
  listener: {
    /** Before it joins or rejoins. */
    onJoining(): Promise<void>
    onJoined(partitions: readonly number[]): void
    onHeartbeat(): void
    onError(): void
  },
): GroupMember {
  const rebalanceTimeout = Math.max(rebalanceTimeoutMs, sessionTimeout)
  const member = new GroupMember({
    ...cluster.options,
    // Kafka answers a request to join when all members have joined, or their time is up.
    requestTimeout: rebalanceTimeout + requestMarginMs,
    groupId: groupOf(topic),
    sessionTimeout,
    rebalanceTimeout,
    heartbeatInterval: heartbeatMs,
    protocolsMetadata: async () => {
      await listener.onJoining()
      return Buffer.alloc(0)
    },
  })
  member.topics.track(topic)
  member.on('error', listener.onError)
  member.on('consumer:heartbeat:end', listener.onHeartbeat)
  member.on('consumer:group:join', ({ assignments }) =>
    listener.onJoined(assignments?.find((one) => one.topic === topic)?.partitions ?? []),
  )
  return member
}

/** Calls back when a heartbeat has no response. Returns a function that stops it. */
function watchHeartbeats(member: GroupMember, onSilent: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const stop = () => clearTimeout(timer)
  member.on('consumer:heartbeat:start', () => {
    stop()
    timer = setTimeout(onSilent, heartbeatTimeoutMs).unref()
  })
  for (const end of ['end', 'error', 'cancel'] as const) member.on(`consumer:heartbeat:${end}`, stop)
  return stop
}

/** Left before it is closed, since a member that is closed while it joins keeps sending heartbeats. */
async function leave(member: GroupMember): Promise<void> {
  await withTimeout(leaveTimeoutMs, Promise.resolve(member.leaveGroup(true))).catch(() => {})
  await withTimeout(leaveTimeoutMs, member.close(true)).catch(() => {})
}
