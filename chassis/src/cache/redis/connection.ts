import { createClient } from '@redis/client'
import { TimeoutError, withTimeout } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { scripts } from './scripts.ts'

const connectTimeoutMs = 2_000
const pingIntervalMs = 1_000
/** A connection that does not reply to a ping within this time is replaced; a half-open one still accepts what is sent. */
const pingTimeoutMs = 2_000
const reconnectMsMax = 2_000

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
  for (const event of ['end', 'reconnecting', 'ready'] as const)
    client.on(event, () => {
      change(undefined)
      firstAttempt.resolve()
      if (event === 'ready') refresh().then(onReady, () => {})
    })
  client.connect().catch(() => {})
  const pingTimer = setInterval(() => void replaceIfSilent(), pingIntervalMs).unref()

  function change(found: Peer | undefined): void {
    peer = found
    onChange(found)
  }

  function refresh(): Promise<Peer> {
    refreshing ??= withTimeout(pingTimeoutMs, readPeer())
      .catch((error: unknown) => {
        throw error instanceof TimeoutError ? unavailable(error) : error
      })
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  async function replaceIfSilent(): Promise<void> {
    if (!client.isReady) return
    const isAlive = await withTimeout(pingTimeoutMs, client.ping()).then(
      () => true,
      (error: unknown) => !(error instanceof TimeoutError),
    )
    if (isAlive || closed || !client.isReady) return
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
      const found = await withTimeout(pingTimeoutMs, client.renew(recordKey, expected.record, record))
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
      clearInterval(pingTimer)
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
    socket: {
      connectTimeout: connectTimeoutMs,
      keepAlive: true,
      reconnectStrategy: (retries) =>
        Math.min(reconnectMsMax, 50 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
    },
  })
}
