import { randomBytes } from 'node:crypto'
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

/** The keys of one Redis since it was last emptied, restarted or replaced. Keys of other generations are never read. */
export type Generation = {
  readonly key: string
  /** Its record in Redis, verbatim. */
  readonly text: string
  readonly prefix: string
  /** By the clock of Redis: until then, a write that began before the generation may still take effect in the database. */
  readonly quarantineEndsAt: number
}

type RedisClient = ReturnType<typeof createRedisClient>

export type RedisConnection = {
  readonly client: RedisClient
  /** The generation in use; undefined while Redis is unavailable or its generation has not been read yet. */
  current(): Generation | undefined
  /** Reads the generation again, once for all concurrent callers; rejects with `dependency_down` where Redis does not reply. */
  refresh(): Promise<Generation>
  ping(): Promise<void>
  close(): Promise<void>
}

/**
 * One connection to the Redis that is the cache, which need not be available. No command is sent again on a new connection:
 * it may lead to another Redis.
 */
export function openRedisConnection(url: string, namespace: string, quarantineMs: number): RedisConnection {
  const client = createRedisClient(url)
  const key = `quintet:${namespace}`
  let generation: Generation | undefined
  let refreshing: Promise<Generation> | undefined
  let lastError: unknown
  let closed = false
  const firstAttempt = Promise.withResolvers<void>()
  client.on('error', (error) => {
    lastError = error
    firstAttempt.resolve()
  })
  for (const event of ['end', 'reconnecting'] as const)
    client.on(event, () => {
      generation = undefined
      firstAttempt.resolve()
    })
  client.on('ready', () => {
    generation = undefined
    firstAttempt.resolve()
    refresh().catch(() => {})
  })
  client.connect().catch(() => {})
  const pingTimer = setInterval(() => void replaceIfSilent(), pingIntervalMs).unref()

  function refresh(): Promise<Generation> {
    refreshing ??= withTimeout(pingTimeoutMs, readGeneration())
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
    generation = undefined
    client.destroy()
    client.connect().catch(() => {})
  }

  async function readGeneration(): Promise<Generation> {
    if (closed) throw dependencyDown('The cache is closed.')
    if (!client.isReady) await firstAttempt.promise
    try {
      const runId = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1] ?? ''
      const record = (await client.get(key)) ?? ''
      // A Redis that was restarted from a file, or has taken over from another, may hold old values.
      const isKnown = record.split('|')[1] === runId
      const text = isKnown ? record : await client.renew(key, record, randomBytes(6).toString('hex'), runId)
      const [id = '', , bornAt = ''] = text.split('|')
      generation = { key, text, prefix: `${key}:${id}:`, quarantineEndsAt: Number(bornAt) + quarantineMs }
      return generation
    } catch (error) {
      throw unavailable(error)
    }
  }

  function unavailable(error: unknown): AppError {
    return dependencyDown('The cache does not answer.', client.isReady ? error : (lastError ?? error))
  }

  return {
    client,
    current: () => generation,
    refresh,
    async ping() {
      if (generation === undefined) await refresh()
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
