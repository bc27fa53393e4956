import { setTimeout as pause } from 'node:timers/promises'
import type { ChannelModel } from 'amqplib'
import { reconnectBackoffMs } from '../../clock/index.ts'
import { createDispatcher } from '../dispatcher.ts'
import type { FailureDetails, MessageSource } from '../dispatcher.ts'
import { deadQueueOf } from '../port.ts'
import type { Consumer } from '../port.ts'
import type { AmqpConsumerParts } from './consumer.ts'
import { createConsumerLock } from './consumer-lock.ts'
import { startFeed } from './feed.ts'
import { createHeldMessages } from './held-messages.ts'
import type { HeldMessage } from './held-messages.ts'
import { keepSubscribed } from './kept-subscription.ts'
import { quorumQueueOf } from './topology.ts'

/** The broker ends the channel of a consumer that has not acknowledged a message for half an hour (its `consumer_timeout`). */
const heldMsMaxDefault = 900_000

export type OrderedConsumer = Consumer & {
  /** How many messages it holds, which the broker does not count as those of the queue. */
  held(): number
}

/**
 * Keeps the order of the messages of a key: of all consumers of the queue one takes messages, while the others wait until it ends. It
 * holds a failed message until its next attempt, and acknowledges it once it is handled or dead-lettered, so that the broker
 * delivers what it has held in the same order when it ends. Before the broker would end its channel because of a message that is held for
 * long, it gives all of them back and takes them again (docs/decisions/0025).
 */
export function createAmqpOrderedConsumer(
  parts: AmqpConsumerParts,
  heldMsMax = heldMsMaxDefault,
): OrderedConsumer {
  const { connection, topology, publisher, clock, queue, handler, options, log } = parts
  const stopping = new AbortController()
  const lock = createConsumerLock(queue, stopping.signal)
  const held = createHeldMessages(() => dispatcher.dispatch())
  /** Whether messages are given back once those that are being handled are finished, or already on their way. */
  let givingBack: 'no' | 'soon' | 'now' = 'no'
  let stopped: Promise<void> | undefined
  const source: MessageSource<HeldMessage> = { take, acknowledge, retry, release, deadLetter }
  const dispatcher = createDispatcher({ source, handler, options, clock })
  const kept = { connection, log, onFailure: (model: ChannelModel) => topology.forget(model, queue) }
  let lastFrom: HeldMessage['from'] | undefined
  const subscription = keepSubscribed({
    ...kept,
    queue: quorumQueueOf(queue),
    prefetch: options.prefetch,
    held: true,
    async prepare(model) {
      await declare(model)
      // Another consumer may have handled some of them in the meantime.
      if (!(await lock.acquire(model))) held.forgetAllFailures()
    },
    onMessages() {
      receive()
      dispatcher.dispatch()
    },
  })
  const feed = startFeed({ ...kept, prepare: declare, queue, publisher })
  const timer = setInterval(giveBackOld, Math.min(30_000, heldMsMax)).unref()

  async function declare(model: ChannelModel): Promise<void> {
    await topology.ensure(model, queue)
  }

  /** Holds what has arrived, in order; what an earlier subscription has delivered is in the queue again. */
  function receive(): HeldMessage['from'] | undefined {
    const from = subscription.current()
    if (from === undefined) return undefined
    if (from !== lastFrom) {
      held.keepHandled()
      givingBack = 'no'
    }
    lastFrom = from
    for (const message of from.waiting.splice(0)) held.add(message, from)
    return from
  }

  function take(max: number): HeldMessage[] {
    return receive() === undefined || givingBack !== 'no' ? [] : held.take(max)
  }

  function isOurs({ from }: HeldMessage): boolean {
    return from === subscription.current()
  }

  function acknowledge(message: HeldMessage): void {
    message.from.acknowledge(message.message)
    held.forgetFailures(message)
    end(message)
  }

  function retry(message: HeldMessage, afterMs: number): void {
    held.fail(message, afterMs)
    if (isOurs(message)) held.again(message)
    else end(message)
    giveBackIfIdle()
  }

  /** A consumer that stops gives the message back with all others. */
  function release(message: HeldMessage): void {
    if (stopped !== undefined || !isOurs(message)) end(message)
    else held.again(message)
    giveBackIfIdle()
  }

  async function deadLetter(message: HeldMessage, failure: FailureDetails): Promise<void> {
    const mayRepeat = () => isOurs(message) && stopped === undefined
    if (await publishDeadLetter(parts, message, failure, mayRepeat)) acknowledge(message)
    else end(message)
    dispatcher.dispatch()
  }

  function end(message: HeldMessage): void {
    held.finish(message)
    giveBackIfIdle()
  }

  function giveBackOld(): void {
    if (givingBack === 'no' && performance.now() - held.oldestSince >= heldMsMax) givingBack = 'soon'
    giveBackIfIdle()
  }

  /** Ends the subscription, which is made again. */
  function giveBackIfIdle(): void {
    if (givingBack !== 'soon' || held.handlingCount > 0) return
    givingBack = 'now'
    void subscription.current()?.close()
  }

  /**
   * The broker returns the messages in their order and forgets the consumer in one step, the end of the channel, and only then may another
   * consumer take them. A subscription that is cancelled first is forgotten before its messages are back.
   */
  async function stop(): Promise<void> {
    clearInterval(timer)
    stopping.abort()
    await Promise.all([dispatcher.stop(), feed.stop()])
    held.stopTimers()
    await subscription.close()
    await lock.release()
  }

  return {
    held: () => held.size,
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** Repeated until it is confirmed; false where it may not be repeated, so that the message is delivered again by another subscription. */
async function publishDeadLetter(
  { publisher, queue, log }: AmqpConsumerParts,
  { delivery }: HeldMessage,
  { attempts, reason, failedAt }: FailureDetails,
  mayRepeat: () => boolean,
): Promise<boolean> {
  const state = { attempt: attempts, reason, failedAt }
  for (let failures = 1; ; failures += 1) {
    try {
      await publisher.publishTo(deadQueueOf(queue), delivery, state)
      return true
    } catch (error) {
      if (!mayRepeat()) return false
      log.failed(error)
      await pause(reconnectBackoffMs(failures))
    }
  }
}
