import { withTimeout } from '@quintet/chassis/clock'
import { createClient } from '@redis/client'

/**
 * Where orders that were accepted lately may be found, by what they have in common with their duplicates. A hint can be
 * missing, old or wrong, so it proves nothing: who gets one looks at the order that it leads to.
 */
export type DuplicateHints = {
  /** For each of these the sequence of an order that may be like it. */
  find(keys: readonly string[]): Promise<readonly (number | undefined)[]>
  /** Remembers, if it can, without being waited for. */
  add(sequences: ReadonlyMap<string, number>): void
  close(): void
}

/** Twice the time within which an order is a duplicate of another. */
const keptMs = 600_000
/** A hint that comes later than this has saved nothing. */
const hintRetentionMs = 50

/** Hints in the Redis of this URL, which need not be there; none where the cache is something else. */
export function openDuplicateHints(cacheUrl: string, prefix: string): DuplicateHints {
  return /^rediss?:/.test(cacheUrl) ? createRedisHints(cacheUrl, prefix) : noHints
}

const noHints: DuplicateHints = { find: async () => [], add: () => {}, close: () => {} }

function createRedisHints(url: string, prefix: string): DuplicateHints {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: (retries) => Math.min(2_000, 50 * 2 ** retries) },
  })
  client.on('error', () => {})
  client.connect().catch(() => {})

  return {
    async find(keys) {
      if (keys.length === 0 || !client.isReady) return []
      const found = await withTimeout(hintRetentionMs, client.mGet(keys.map((key) => prefix + key))).catch(
        () => [],
      )
      return found.map((text) => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined))
    },
    add(sequences) {
      if (!client.isReady) return
      const commands = client.multi()
      for (const [key, sequence] of sequences)
        commands.set(prefix + key, String(sequence), { expiration: { type: 'PX', value: keptMs } })
      commands.execAsPipeline().catch(() => {})
    },
    close: () => client.destroy(),
  }
}
