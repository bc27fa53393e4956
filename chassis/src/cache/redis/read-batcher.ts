import { createBatcher } from '../../concurrency/batcher.ts'
import type { Generation, RedisConnection } from './connection.ts'

/** A question to Redis has no answer after so long: reads then go past it. */
const readWithinMs = 50
const lookIntervalMs = 20
const batcherLimits = { batchesInFlightMax: 2, batchSizeMax: 1_000 }

/** What stands under a key, null for nothing; undefined where Redis has no answer, or takes too long. */
export type CachedValue = string | null | undefined

type Look = { readonly generation: Generation; readonly key: string; taker(held: CachedValue): void }

/** What waits for an answer of Redis; `giveUp` is called where that takes too long. */
type PendingRead = { readonly at: number; isOver: boolean; giveUp(): void }

/** Questions of readers, who do not wait for long. */
export type RedisReads = {
  /**
   * Looks at a key of a generation; the taker must not throw. Keys that are looked at together, or while others are on their
   * way, travel as one question.
   */
  look(one: Look): void
  /** The answer of Redis; undefined where it has none, or takes too long. */
  soon<R>(reply: Promise<R>): Promise<R | undefined>
  /** Whether a question has been open for so long that nobody should ask another. */
  isSlow(): boolean
  close(): void
}

export function createRedisReads({ client, current }: RedisConnection): RedisReads {
  const asked: PendingRead[] = []
  let watch: NodeJS.Timeout | undefined
  const batcher = createBatcher<Look>(ask, batcherLimits)

  async function ask(looks: readonly Look[]): Promise<void> {
    const found = mayAsk(looks) ? await soon(client.mGet(looks.map(({ key }) => key))) : undefined
    for (let i = 0; i < looks.length; i++) looks[i]?.taker(found?.[i])
  }

  /** Another connection may lead to another Redis, which has not been looked at yet. */
  function mayAsk(looks: readonly Look[]): boolean {
    const generation = current()
    return !isSlow() && looks.every((look) => look.generation === generation)
  }

  function soon<R>(reply: Promise<R>): Promise<R | undefined> {
    const { promise, resolve } = Promise.withResolvers<R | undefined>()
    const one: PendingRead = { at: performance.now(), isOver: false, giveUp: () => resolve(undefined) }
    asked.push(one)
    watchLate()
    const settle = (value: R | undefined) => {
      one.isOver = true
      resolve(value)
    }
    reply.then(settle, () => settle(undefined))
    return promise
  }

  /** Answers come in the order of the questions, so the oldest one that is open says how slow Redis is. */
  function isSlow(): boolean {
    while (asked[0]?.isOver) asked.shift()
    const [oldest] = asked
    return oldest !== undefined && performance.now() - oldest.at > readWithinMs
  }

  /** As long as anything is open. */
  function watchLate(): void {
    // What has arrived already is looked at first, lest a process that was busy itself takes Redis for slow.
    watch ??= setTimeout(() => setImmediate(giveUpLate), lookIntervalMs).unref()
  }

  function giveUpLate(): void {
    watch = undefined
    const someAreLate = isSlow()
    if (asked.length > 0) watchLate()
    if (!someAreLate) return
    const since = performance.now() - readWithinMs
    for (const one of asked) {
      if (one.at > since) return
      one.giveUp()
    }
  }

  return { look: batcher.add, soon, isSlow, close: () => clearTimeout(watch) }
}
