import { createBatcher } from '../../concurrency/batcher.ts'
import type { RedisAccess } from './access.ts'
import type { Generation } from './view.ts'

/** Past this, reads bypass Redis. */
const replyTimeoutMs = 50
const timeoutCheckMs = 20
const batcherLimits = { batchesInFlightMax: 2, batchSizeMax: 1_000 }

/** What is stored under a key, null for nothing; undefined where Redis does not reply, or not in time. */
export type CachedValue = string | null | undefined

type Get = { readonly generation: Generation; readonly key: string; callback(value: CachedValue): void }

/** A reply that is awaited; `giveUp` resolves it as undefined. */
type PendingReply = { readonly sentAt: number; isSettled: boolean; giveUp(): void }

export type ReadBatcher = {
  /**
   * Reads a key of a generation; the callback must not throw. Keys read in one turn of the event loop, or while other reads
   * are in flight, share one MGET (docs/decisions/0012).
   */
  get(one: Get): void
  /** The reply of Redis; undefined where it fails or takes longer than the timeout. */
  orUndefined<R>(reply: Promise<R>): Promise<R | undefined>
  /** Whether the oldest pending reply is past the timeout, so that nothing more should be sent. */
  isSlow(): boolean
  close(): void
}

export function createReadBatcher({ client, readable }: RedisAccess): ReadBatcher {
  const pending: PendingReply[] = []
  let timer: NodeJS.Timeout | undefined
  const batcher = createBatcher<Get>(send, batcherLimits)

  async function send(gets: readonly Get[]): Promise<void> {
    const values = maySend(gets) ? await orUndefined(client.mGet(gets.map(({ key }) => key))) : undefined
    for (let i = 0; i < gets.length; i++) gets[i]?.callback(values?.[i])
  }

  /** A new connection may lead to another Redis; and the permission to read may have ended. */
  function maySend(gets: readonly Get[]): boolean {
    const generation = readable()
    return !isSlow() && gets.every((one) => one.generation === generation)
  }

  function orUndefined<R>(reply: Promise<R>): Promise<R | undefined> {
    const { promise, resolve } = Promise.withResolvers<R | undefined>()
    const one: PendingReply = {
      sentAt: performance.now(),
      isSettled: false,
      giveUp: () => resolve(undefined),
    }
    pending.push(one)
    scheduleTimeout()
    const settle = (value: R | undefined) => {
      one.isSettled = true
      resolve(value)
    }
    reply.then(settle, () => settle(undefined))
    return promise
  }

  /** Replies come in the order of the commands, so the oldest pending one shows how slow Redis is. */
  function isSlow(): boolean {
    while (pending[0]?.isSettled) pending.shift()
    const [oldest] = pending
    return oldest !== undefined && performance.now() - oldest.sentAt > replyTimeoutMs
  }

  /** One timer while anything is pending, so that an idle process does not wake. */
  function scheduleTimeout(): void {
    // setImmediate lets replies that have arrived be read first: a process that was busy itself does not take Redis for slow.
    timer ??= setTimeout(() => setImmediate(giveUpLate), timeoutCheckMs).unref()
  }

  function giveUpLate(): void {
    timer = undefined
    const someAreLate = isSlow()
    if (pending.length > 0) scheduleTimeout()
    if (!someAreLate) return
    const sentBefore = performance.now() - replyTimeoutMs
    for (const one of pending) {
      if (one.sentAt > sentBefore) return
      one.giveUp()
    }
  }

  return { get: batcher.add, orUndefined, isSlow, close: () => clearTimeout(timer) }
}
