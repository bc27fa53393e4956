import { reconnectBackoffMs, withTimeout } from '@quintet/chassis/clock'
import { createClient } from '@redis/client'

/**
 * Sequences of recently accepted orders by the key that duplicates share. A hint may be missing, outdated or wrong, so the
 * order that it refers to must be checked before it counts.
 */
export type DuplicateHints = {
  /** For each key the sequence of an order that may be a duplicate. */
  find(keys: readonly string[]): Promise<readonly (number | undefined)[]>
  /** Stores hints without waiting and without reporting a failure. */
  add(sequences: ReadonlyMap<string, number>): void
  close(): void
}

/** Twice the duplicate window. */
const hintRetentionMs = 600_000
/** A hint that takes longer is slower than reading the database. */
const hintTimeoutMs = 50

/** Hints in the Redis of this URL, which may be unreachable; without Redis there are none. */
export function openDuplicateHints(cacheUrl: string, prefix: string): DuplicateHints {
  return /^rediss?:/.test(cacheUrl) ? createRedisHints(cacheUrl, prefix) : noHints
}

const noHints: DuplicateHints = { find: async () => [], add: () => {}, close: () => {} }

function createRedisHints(url: string, prefix: string): DuplicateHints {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: (retries) => reconnectBackoffMs(retries + 1) },
  })
  client.on('error', () => {})
  client.connect().catch(() => {})

  return {
    async find(keys) {
      if (keys.length === 0 || !client.isReady) return []
      const read = client.mGet(keys.map((key) => prefix + key))
      const found = await withTimeout(hintTimeoutMs, read).catch(() => [])
      return found.map((text) => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined))
    },
    add(sequences) {
      if (!client.isReady) return
      const commands = client.multi()
      for (const [key, sequence] of sequences)
        commands.set(prefix + key, String(sequence), { expiration: { type: 'PX', value: hintRetentionMs } })
      commands.execAsPipeline().catch(() => {})
    },
    close: () => client.destroy(),
  }
}
