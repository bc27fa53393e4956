import { createClient } from '@redis/client'
import { reconnectBackoffMs, TimeoutError, withTimeout } from '../../clock/index.ts'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { scripts } from './scripts.ts'

/** The client makes one attempt after the other, so one that was lost delays the next. */
const connectTimeoutMs = 750
/**
 * Ends an attempt whose handshake is not answered. Without a handshake, each connection to a proxy whose Redis is unavailable
 * would count as a success, and the next would follow at once. A connection in use is never idle for so long, since it is pinged.
 */
const idleTimeoutMs = 750
const replyTimeoutMs = 2_000

/** The Redis at the other end of the connection, as it was read last. */
export type Peer = {
  /** It changes with each start of a server. */
  readonly runId: string
  /** The generation that was looked for, if its record is there; else ''. */
  readonly generation: string
}

export type RedisConnection = {
  readonly client: ReturnType<typeof createRedisClient>
  /** Undefined while Redis is unavailable or has not been read yet. */
  peer(): Peer | undefined
  /**
   * Reads the peer again and looks for the record of a generation, once for all concurrent callers; rejects with
   * `dependency_down` where Redis does not reply.
   */
  refresh(generation: string): Promise<Peer>
  /** Adds the record of a new generation; false where the peer may be another one by now. */
  addRecord(peer: Peer, generation: string): Promise<boolean>
  /** Rejects with `dependency_down` where Redis does not reply. */
  ping(): Promise<void>
  close(): void
}

/**
 * One connection to a Redis, which need not be available. No command is sent again on a new connection: it may lead to another
 * Redis.
 */
export function openRedisConnection({
  url,
  recordKeyOf,
  onChange,
  onReady,
}: {
  url: string
  recordKeyOf(generation: string): string
  /** The peer was read or lost. */
  onChange(peer: Peer | undefined): void
  /** A connection was made. */
  onReady(): void
}): RedisConnection {
  const client = createRedisClient(url)
  let peer: Peer | undefined
  let refreshing: { readonly generation: string; readonly done: Promise<Peer> } | undefined
  let lastError: unknown
  let closed = false
  const firstAttempt = Promise.withResolvers<void>()
  client.on('error', (error) => {
    lastError = error
    firstAttempt.resolve()
  })
  let stopWatching = () => {}
  for (const event of ['end', 'reconnecting', 'ready'] as const)
    client.on(event, () => {
      stopWatching()
      change(undefined)
      firstAttempt.resolve()
      if (event !== 'ready') return
      stopWatching = watchLiveness({ ping: () => client.ping(), onSilent: replaceConnection })
      onReady()
    })
  client.connect().catch(() => {})

  function change(found: Peer | undefined): void {
    peer = found
    onChange(found)
  }

  function refresh(generation: string): Promise<Peer> {
    if (refreshing?.generation === generation) return refreshing.done
    const done = withTimeout(replyTimeoutMs, readPeer(generation))
      .catch((error: unknown) => {
        throw error instanceof TimeoutError ? unavailable(error) : error
      })
      .finally(() => {
        if (refreshing?.done === done) refreshing = undefined
      })
    refreshing = { generation, done }
    return done
  }

  function replaceConnection(): void {
    if (closed || !client.isReady) return
    change(undefined)
    client.destroy()
    client.connect().catch(() => {})
  }

  async function readPeer(generation: string): Promise<Peer> {
    if (closed) throw dependencyDown('The cache is closed.')
    if (!client.isReady) await firstAttempt.promise
    try {
      const key = recordKeyOf(generation)
      // On one connection, in this order: a Redis that was emptied in between has no record.
      const [info, record] = await Promise.all([client.info('server'), client.get(key)])
      const runId = /^run_id:(\w+)/m.exec(info)?.[1]
      if (runId === undefined) throw new Error('The server does not state its run id.')
      const found = { runId, generation: record === generation ? generation : '' }
      change(found)
      return found
    } catch (error) {
      throw unavailable(error)
    }
  }

  function unavailable(error: unknown): AppError {
    return dependencyDown('The cache does not respond.', client.isReady ? error : (lastError ?? error))
  }

  return {
    client,
    peer: () => peer,
    refresh,
    async addRecord(expected, generation) {
      if (peer !== expected) return false
      await withTimeout(replyTimeoutMs, client.set(recordKeyOf(generation), generation))
      if (peer !== expected) return false
      change({ ...expected, generation })
      return true
    },
    async ping() {
      if (!client.isReady) await firstAttempt.promise
      await client.ping().catch((error: unknown) => {
        throw unavailable(error)
      })
    },
    close() {
      if (closed) return
      closed = true
      stopWatching()
      firstAttempt.resolve()
      // No caller waits for what is in flight by now. The client's own `close` waits for ever for a response that never comes.
      client.destroy()
    },
  }
}

function createRedisClient(url: string) {
  return createClient({
    url,
    scripts,
    disableOfflineQueue: true,
    socket: {
      socketTimeout: idleTimeoutMs,
      connectTimeout: connectTimeoutMs,
      keepAlive: true,
      reconnectStrategy: (retries) => reconnectBackoffMs(retries + 1),
    },
  })
}
