import { createClient } from '@redis/client'
import { reconnectBackoffMs, TimeoutError, withTimeout } from '../../clock/index.ts'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { scripts } from './scripts.ts'

/** The client makes one attempt after the other, so one that was lost delays the next. */
const connectTimeoutMs = 750
/** Ends an attempt whose password was not answered; a connection in use is never idle for so long. */
const idleTimeoutMs = 2_000
const replyTimeoutMs = 2_000

/** The Redis at the other end of the connection, as it was read last. */
export type Peer = {
  /** It changes with each start of a server. */
  readonly runId: string
  /** The generation of the keys in it, '' for none. */
  readonly record: string
  /** When it was read, by `performance.now()`. */
  readonly readAt: number
}

export type RedisConnection = {
  readonly client: ReturnType<typeof createRedisClient>
  /** Undefined while Redis is unavailable or has not been read yet. */
  peer(): Peer | undefined
  /** Reads the peer again, once for all concurrent callers; rejects with `dependency_down` where Redis does not reply. */
  refresh(): Promise<Peer>
  /** Replaces the record of a peer, unless that is another one by now; false then. */
  replaceRecord(peer: Peer, record: string): Promise<boolean>
  /** Rejects with `dependency_down` where Redis does not reply. */
  ping(): Promise<void>
  close(): Promise<void>
}

/**
 * One connection to a Redis, which need not be available. No command is sent again on a new connection: it may lead to another
 * Redis.
 */
export function openRedisConnection({
  url,
  recordKey,
  onChange,
  onReady,
}: {
  url: string
  recordKey: string
  /** The peer was read or lost. */
  onChange(peer: Peer | undefined): void
  /** The peer was read for the first time after a connection was made. */
  onReady(): void
}): RedisConnection {
  const client = createRedisClient(url)
  let peer: Peer | undefined
  let refreshing: Promise<Peer> | undefined
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
      refresh().then(onReady, () => {})
    })
  client.connect().catch(() => {})

  function change(found: Peer | undefined): void {
    peer = found
    onChange(found)
  }

  function refresh(): Promise<Peer> {
    refreshing ??= withTimeout(replyTimeoutMs, readPeer())
      .catch((error: unknown) => {
        throw error instanceof TimeoutError ? unavailable(error) : error
      })
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  function replaceConnection(): void {
    if (closed || !client.isReady) return
    change(undefined)
    client.destroy()
    client.connect().catch(() => {})
  }

  async function readPeer(): Promise<Peer> {
    if (closed) throw dependencyDown('The cache is closed.')
    if (!client.isReady) await firstAttempt.promise
    try {
      // On one connection, in this order: a Redis that was emptied in between has no record.
      const [info, record] = await Promise.all([client.info('server'), client.get(recordKey)])
      const runId = /^run_id:(\w+)/m.exec(info)?.[1]
      if (runId === undefined) throw new Error('The server does not tell its run id.')
      const found = { runId, record: record ?? '', readAt: performance.now() }
      change(found)
      return found
    } catch (error) {
      throw unavailable(error)
    }
  }

  function unavailable(error: unknown): AppError {
    return dependencyDown('The cache does not answer.', client.isReady ? error : (lastError ?? error))
  }

  return {
    client,
    peer: () => peer,
    refresh,
    async replaceRecord(expected, record) {
      if (peer !== expected) return false
      const found = await withTimeout(replyTimeoutMs, client.renew(recordKey, expected.record, record))
      if (peer !== expected) return false
      change({ ...expected, record: found, readAt: performance.now() })
      return found === record
    },
    async ping() {
      if (peer === undefined) await refresh()
      await client.ping().catch((error: unknown) => {
        throw unavailable(error)
      })
    },
    async close() {
      if (closed) return
      closed = true
      stopWatching()
      firstAttempt.resolve()
      if (client.isReady) await client.close().catch(() => client.destroy())
      else client.destroy()
    },
  }
}

function createRedisClient(url: string) {
  return createClient({
    url,
    scripts,
    disableOfflineQueue: true,
    // Without it a new connection needs no response before it is used, and pings find out whether there is one.
    disableClientInfo: true,
    socket: {
      socketTimeout: idleTimeoutMs,
      connectTimeout: connectTimeoutMs,
      keepAlive: true,
      reconnectStrategy: (retries) => reconnectBackoffMs(retries + 1),
    },
  })
}
