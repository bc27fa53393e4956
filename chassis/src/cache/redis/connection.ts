import { createClient } from '@redis/client'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { dependencyDown } from '../../errors/index.ts'
import type { AppError } from '../../errors/index.ts'
import { createPeerReader } from './peer.ts'
import type { Peer, PeerReader } from './peer.ts'
import { redisClientOptions } from './client-options.ts'
import { scripts } from './scripts.ts'

export type RedisConnection = PeerReader & {
  readonly client: ReturnType<typeof createRedisClient>
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
  const { lose, ...peerReader } = createPeerReader({ client, recordKeyOf, onChange, prepare, unavailable })
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
      lose()
      firstAttempt.resolve()
      if (event !== 'ready') return
      stopWatching = watchLiveness({ ping: () => client.ping(), onSilent: replaceConnection })
      onReady()
    })
  client.connect().catch(() => {})

  function replaceConnection(): void {
    if (closed || !client.isReady) return
    lose()
    client.destroy()
    client.connect().catch(() => {})
  }

  async function prepare(): Promise<void> {
    if (closed) throw dependencyDown('The cache is closed.')
    if (!client.isReady) await firstAttempt.promise
  }

  function unavailable(error: unknown): AppError {
    return dependencyDown('The cache does not respond.', client.isReady ? error : (lastError ?? error))
  }

  return {
    client,
    ...peerReader,
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
  return createClient({ url, scripts, ...redisClientOptions })
}
