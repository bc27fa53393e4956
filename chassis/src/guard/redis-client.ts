import { createClient, defineScript } from '@redis/client'
import { redisClientOptions } from '../cache/redis/client-options.ts'
import { watchLiveness } from '../concurrency/index.ts'
import { decisionScript } from './gcra.ts'

/** A connection to the Redis of limits, which need not be available. */
type LimitRedis = {
  /** Runs `decisionScript`; rejects where there is no connection. */
  decide(keys: string[], words: string[]): Promise<number[]>
  /** Why there is no connection, if there is none. */
  connectionError(): unknown
  close(): void
}

/** Connects, and again whenever the connection ends or does not respond any more. */
export function connectLimitRedis(
  url: string,
  { onReady, onError }: { onReady(): void; onError(error: unknown): void },
): LimitRedis {
  const client = createClient({ url, scripts, ...redisClientOptions })
  let isClosed = false
  let lastError: unknown
  let stopWatching = () => {}
  const connect = () => void client.connect().catch(() => {})

  function reconnect(): void {
    if (isClosed || !client.isReady) return
    client.destroy()
    connect()
  }

  client.on('error', (error) => {
    lastError = error
    onError(error)
  })
  for (const event of ['end', 'reconnecting', 'ready'] as const)
    client.on(event, () => {
      stopWatching()
      if (event !== 'ready') return
      stopWatching = watchLiveness({ ping: () => client.ping(), onSilent: reconnect })
      onReady()
    })
  connect()
  return {
    decide: (keys, words) => client.decide(keys, words),
    connectionError: () => (client.isReady ? undefined : lastError),
    close() {
      isClosed = true
      stopWatching()
      client.destroy()
    },
  }
}

const scripts = {
  decide: defineScript({
    SCRIPT: decisionScript,
    parseCommand(
      parser: { pushKeysLength(keys: string[]): unknown; push(...words: string[]): unknown },
      keys: string[],
      words: string[],
    ) {
      parser.pushKeysLength(keys)
      parser.push(...words)
    },
    transformReply: (reply: number[]) => reply,
  }),
}
