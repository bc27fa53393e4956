import type { ConsumeMessage } from 'amqplib'
import { createKeyQueues } from '../key-queues.ts'
import type { Delivery } from '../port.ts'
import { deliveryOf } from './message.ts'
import type { Subscription } from './subscription.ts'

/** A message that the broker has delivered by a subscription, and that is not settled. */
export type HeldMessage = {
  delivery: Delivery
  readonly message: ConsumeMessage
  readonly from: Subscription
  /** By `performance.now()`. */
  readonly heldSince: number
}

/**
 * The messages that a consumer holds, of which only the first of each key may be handled. Those that wait for their next attempt stay
 * here, unacknowledged, with all messages of their keys behind them. `onReady` says that one may be handled again.
 */
export function createHeldMessages(onReady: () => void) {
  const held = new Set<HeldMessage>()
  const handling = new Set<HeldMessage>()
  const ready: HeldMessage[] = []
  const timers = new Map<HeldMessage, NodeJS.Timeout>()
  /** By id, so that messages that the broker delivers again, by another subscription, keep their attempts and pauses. */
  const failures = new Map<string, { attempts: number; dueAt: number }>()
  const keys = createKeyQueues<HeldMessage>(
    ({ delivery: { key } }) => (key === '' ? undefined : key),
    schedule,
  )

  /** Makes the message ready when its pause is over. */
  function schedule(message: HeldMessage): void {
    const { attempts = 0, dueAt = 0 } = failures.get(message.delivery.id) ?? {}
    message.delivery = { ...message.delivery, attempt: attempts + 1 }
    const afterMs = dueAt - performance.now()
    if (afterMs <= 0) {
      ready.push(message)
      return
    }
    const timer = setTimeout(() => {
      timers.delete(message)
      ready.push(message)
      onReady()
    }, afterMs)
    timers.set(message, timer)
  }

  function stopTimers(): void {
    for (const timer of timers.values()) clearTimeout(timer)
    timers.clear()
  }

  return {
    get size(): number {
      return held.size
    },
    get handlingCount(): number {
      return handling.size
    },
    /** Since when the one that is held for the longest time is held. */
    get oldestSince(): number {
      return held.values().next().value?.heldSince ?? Number.POSITIVE_INFINITY
    },

    add(message: ConsumeMessage, from: Subscription): void {
      const one = { delivery: deliveryOf(message), message, from, heldSince: performance.now() }
      held.add(one)
      keys.add(one)
    },

    take(max: number): HeldMessage[] {
      const taken = ready.splice(0, max)
      for (const message of taken) handling.add(message)
      return taken
    },

    /** Ends the handling of a message that is settled, or that the broker delivers again by another subscription. */
    finish(message: HeldMessage): void {
      handling.delete(message)
      held.delete(message)
      keys.remove(message)
    },
    forgetFailures: ({ delivery }: HeldMessage): boolean => failures.delete(delivery.id),

    /** Notes the failure of an attempt. */
    fail({ delivery }: HeldMessage, pauseMs: number): void {
      failures.set(delivery.id, { attempts: delivery.attempt, dueAt: performance.now() + pauseMs })
    },

    /** Makes a message that was handled ready again, after the pause of its last failure. */
    again(message: HeldMessage): void {
      handling.delete(message)
      schedule(message)
    },

    /** Forgets what the broker has taken back, but for what is being handled: the same messages wait behind those of their key. */
    keepHandled(): void {
      stopTimers()
      ready.length = 0
      keys.keep(handling)
      for (const message of held) if (!handling.has(message)) held.delete(message)
    },

    /** For a consumer that may not have been the last one of the queue. */
    forgetAllFailures: (): void => failures.clear(),
    stopTimers,
  }
}
