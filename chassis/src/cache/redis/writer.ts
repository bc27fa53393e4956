import { withTimeout } from '../../clock/index.ts'
import type { Deadline } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { Cache, Entry, WriteResult } from '../port.ts'
import type { RedisAccess } from './access.ts'
import { emptyEntry } from './entry-codec.ts'
import type { StoredEntry } from './entry-codec.ts'
import { newToken } from './token.ts'
import type { Generation, WritePermit } from './view.ts'

/**
 * The database must admit a write within this time of its marker, which outlives that by a margin for any clock. A commit that
 * hangs may last longer than both, and until it has ended the marker counts (settling.ts).
 */
const writeTimeoutMs = 5_000
const beginTimeoutMs = 400
const beginAttemptsMax = 2

/** What a write stores under a key when it ends. */
type StoredOf = (key: string) => StoredEntry

/** For a write that failed, which is counted as failed whether its markers overlapped or not. */
const storeNothing: StoredOf = () => emptyEntry

/** The writing half of the cache: markers around the change, then the new values where no other write overlapped. */
export function createRedisWriter({
  access,
  writes,
  markerMs,
  toStored,
  runUnawaited,
}: {
  access: RedisAccess
  /** Counts of writes by result. */
  writes: Record<WriteResult, number>
  markerMs: number
  toStored(entry: Entry | null): StoredEntry
  runUnawaited(command: Promise<unknown>): void
}): Pick<Cache, 'write'> {
  const { client } = access

  async function write<T>(
    keys: readonly string[],
    change: (deadline: Deadline) => Promise<T>,
    entryOf: (result: T, key: string) => Entry | null | undefined,
  ): Promise<T> {
    const token = newToken()
    const { generation, before, mayStore } = await begin(keys, token)
    let storedOf = storeNothing
    let marked = keys
    try {
      const result = await change({ before })
      const entries = new Map(keys.map((key) => [key, mayStore ? entryOf(result, key) : undefined]))
      storedOf = (key) => {
        const entry = entries.get(key)
        return entry === undefined ? emptyEntry : toStored(entry)
      }
      return result
    } catch (error) {
      writes.failed += 1
      // A change that may still take effect keeps its markers, and readers at the database, until it is settled.
      if (error instanceof AppError && error.code === 'outcome_unknown') marked = []
      throw error
    } finally {
      end(generation, marked, token, storedOf)
    }
  }

  async function begin(keys: readonly string[], token: string): Promise<WritePermit> {
    for (let attempt = 1; attempt <= beginAttemptsMax; attempt++) {
      const { generation, before, mayStore } = access.permit() ?? (await awaitPermit())
      const permit = { generation, mayStore, before: Math.min(before, performance.now() + writeTimeoutMs) }
      const marks = keys.map((key) =>
        client.begin(generation, generation.prefix + key, token, generation.settledUntil, markerMs),
      )
      const replies = await withTimeout(beginTimeoutMs + keys.length / 10, Promise.all(marks)).catch(
        (error: unknown) => {
          end(generation, keys, token, storeNothing)
          return refuse(error)
        },
      )
      if (replies.every((reply) => reply === 'OK')) return permit
      end(generation, keys, token, storeNothing)
      await withTimeout(beginTimeoutMs, access.refresh()).catch(refuse)
    }
    throw dependencyDown('The cache is being emptied; try again.')
  }

  async function awaitPermit(): Promise<WritePermit> {
    await withTimeout(beginTimeoutMs, access.refresh()).catch(refuse)
    return access.writable()
  }

  /** Not awaited: until it is done, readers go to the database, which is slower and never wrong. */
  function end(generation: Generation, keys: readonly string[], token: string, storedOf: StoredOf): void {
    if (keys.length === 0) return
    const ends = keys.map((key) => {
      const { text, ttlMs } = storedOf(key)
      return client.end(generation, generation.prefix + key, token, generation.settledUntil, text, ttlMs)
    })
    runUnawaited(
      Promise.all(ends).then((replies) => {
        if (storedOf === storeNothing) return
        const isContended = replies.some((reply) => reply === 'SHARED' || reply === 'LOST')
        writes[isContended ? 'contended' : 'ok'] += 1
      }),
    )
  }

  return { write }
}

function refuse(error: unknown): never {
  throw dependencyDown('The cache does not respond, and nothing may be changed without it.', error)
}
