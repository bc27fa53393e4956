import { setTimeout as pause } from 'node:timers/promises'
import type { ChannelModel } from 'amqplib'
import { closeChannel, openChannel, quorumQueueOf } from './topology.ts'

const retryMs = 250
const resourceLocked = 405
const lockSuffix = '.consumer'

/** The locks that a connection has; the broker lets a connection declare its exclusive queue again. */
const locks = new WeakMap<ChannelModel, Set<string>>()

/**
 * Lets one consumer at a time take the messages of a queue, of all processes: it has an exclusive queue, `<queue>.consumer`, which no other
 * connection can declare, and which the broker deletes when its connection ends.
 */
export function createConsumerLock(queue: string, stopping: AbortSignal) {
  const name = `${queue}${lockSuffix}`
  let holder: ChannelModel | undefined

  /** Resolves when this consumer has the lock and all messages of the one before are back in the queue; true if it had it before. */
  async function acquire(model: ChannelModel): Promise<boolean> {
    const hadIt = holder === model
    while (holder !== model) {
      if (await tryLock(model, name)) holder = model
      else await wait()
    }
    // The broker returns the messages of a consumer and forgets it in one step.
    while ((await consumersOf(model, quorumQueueOf(queue))) > 0) await wait()
    return hadIt
  }

  async function wait(): Promise<void> {
    stopping.throwIfAborted()
    await pause(retryMs, undefined, { signal: stopping })
  }

  return {
    acquire,
    /** To be called when the messages are back in the queue. */
    async release(): Promise<void> {
      const model = holder
      holder = undefined
      if (model === undefined) return
      try {
        const channel = await openChannel(model)
        await channel.deleteQueue(name)
        await closeChannel(channel)
      } catch {
        // The connection is closed, and the lock with it.
      }
      locks.get(model)?.delete(name)
    },
  }
}

async function tryLock(model: ChannelModel, name: string): Promise<boolean> {
  const own = locks.get(model) ?? new Set<string>()
  locks.set(model, own)
  if (own.has(name)) return false
  own.add(name)
  const channel = await openChannel(model).catch((error: unknown) => {
    own.delete(name)
    throw error
  })
  try {
    await channel.assertQueue(name, { exclusive: true, durable: false })
    return true
  } catch (error) {
    own.delete(name)
    if (error instanceof Error && 'code' in error && error.code === resourceLocked) return false
    throw error
  } finally {
    await closeChannel(channel)
  }
}

async function consumersOf(model: ChannelModel, name: string): Promise<number> {
  const channel = await openChannel(model)
  try {
    return (await channel.checkQueue(name)).consumerCount
  } finally {
    await closeChannel(channel)
  }
}
