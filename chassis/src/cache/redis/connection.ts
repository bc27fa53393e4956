import { randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'
import { TimeoutError, withTimeout } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { scripts } from './scripts.ts'

const connectTimeoutMs = 2_000
const pingIntervalMs = 1_000
/** A connection on which a ping is not answered for so long is given up, as half of one is that still takes what is sent. */
const silenceMs = 2_000
const reconnectMsMax = 2_000

/** What one Redis holds since it was last empty, restarted or replaced: keys of another generation are out of reach. */
export type Generation = {
  readonly key: string
  /** As it stands in Redis, word for word. */
  readonly text: string
  readonly prefix: string
  /** By Redis' clock: until then, what was written before the generation began may still be on its way to the database. */
  readonly quarantineEndsAt: number
}

export type RedisClient = ReturnType<typeof createRedisClient>

export type RedisConnection = {
  readonly client: RedisClient
  /** The generation that may be used now; undefined while there is none, because Redis is away or not yet looked at. */
  current(): Generation | undefined
  /** Looks again, once for all who ask at a time; rejects with `dependency_down` where Redis does not answer. */
  learn(): Promise<Generation>
  ping(): Promise<void>
  close(): Promise<void>
}

/**
 * One connection to the one Redis that is the cache. It need not be there. Nothing is sent twice: an answer on a new connection
 * may come from another Redis than the one that the question was for.
 */
export function openRedisConnection(url: string, namespace: string, quarantineMs: number): RedisConnection {
  const client = createRedisClient(url)
  const key = `quintet:${namespace}`
  let generation: Generation | undefined
  let learning: Promise<Generation> | undefined
  let fault: unknown
  let closed = false
  const first = Promise.withResolvers<void>()
  client.on('error', (error) => {
    fault = error
    first.resolve()
  })
  for (const event of ['end', 'reconnecting'] as const)
    client.on(event, () => {
      generation = undefined
      first.resolve()
    })
  client.on('ready', () => {
    generation = undefined
    first.resolve()
    learn().catch(() => {})
  })
  client.connect().catch(() => {})
  const watch = setInterval(() => void dropSilent(), pingIntervalMs).unref()

  function learn(): Promise<Generation> {
    learning ??= withTimeout(silenceMs, look())
      .catch((error: unknown) => {
        throw error instanceof TimeoutError ? away(error) : error
      })
      .finally(() => {
        learning = undefined
      })
    return learning
  }

  async function dropSilent(): Promise<void> {
    if (!client.isReady) return
    const isAlive = await withTimeout(silenceMs, client.ping()).then(
      () => true,
      (error: unknown) => !(error instanceof TimeoutError),
    )
    if (isAlive || closed || !client.isReady) return
    generation = undefined
    client.destroy()
    client.connect().catch(() => {})
  }

  async function look(): Promise<Generation> {
    if (closed) throw dependencyDown('The cache is closed.')
    if (!client.isReady) await first.promise
    try {
      const runId = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1] ?? ''
      const found = (await client.get(key)) ?? ''
      // A Redis that was restarted from a file, or has taken over from another, holds what may be old.
      const isKnown = found.split('|')[1] === runId
      const text = isKnown ? found : await client.renew(key, found, randomBytes(6).toString('hex'), runId)
      const [id = '', , bornAt = ''] = text.split('|')
      generation = { key, text, prefix: `${key}:${id}:`, quarantineEndsAt: Number(bornAt) + quarantineMs }
      return generation
    } catch (error) {
      throw away(error)
    }
  }

  function away(error: unknown): AppError {
    return dependencyDown('The cache does not answer.', client.isReady ? error : (fault ?? error))
  }

  return {
    client,
    current: () => generation,
    learn,
    async ping() {
      if (generation === undefined) await learn()
      await client.ping().catch((error: unknown) => {
        throw away(error)
      })
    },
    async close() {
      if (closed) return
      closed = true
      clearInterval(watch)
      first.resolve()
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
