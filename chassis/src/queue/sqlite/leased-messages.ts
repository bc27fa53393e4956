import type { Clock } from '../../clock/index.ts'
import type { Row } from '../../database/index.ts'
import type { Delivery } from '../port.ts'

/** A message under a lease of this consumer. */
export type LeasedMessage = { readonly id: number; readonly delivery: Delivery; leaseUntil: number }

/** The messages that a consumer has claimed: some wait for a handler, the others are being handled. */
export function createLeasedMessages(clock: Clock) {
  const leased = new Set<LeasedMessage>()
  const waiting: LeasedMessage[] = []

  /** After a lease has expired, as when the machine was suspended, another consumer may have the message. */
  function dropIfExpired(message: LeasedMessage): boolean {
    if (clock.now() < message.leaseUntil) return false
    leased.delete(message)
    return true
  }

  return {
    get size(): number {
      return leased.size
    },

    add(row: Row, leaseUntil: number): void {
      const message = { id: Number(row.id), delivery: deliveryOf(row), leaseUntil }
      leased.add(message)
      waiting.push(message)
    },

    take(max: number): LeasedMessage[] {
      while (waiting.length > 0) {
        const batch = waiting.splice(0, max).filter((message) => !dropIfExpired(message))
        if (batch.length > 0) return batch
      }
      return []
    },

    remove(message: LeasedMessage): void {
      leased.delete(message)
    },

    /** Takes all that still wait, to be released. */
    takeWaiting(): LeasedMessage[] {
      return waiting.splice(0)
    },

    /** Extends all leases that have not expired; the messages that have them. */
    renew(until: number): LeasedMessage[] {
      const renewed = [...leased].filter(({ leaseUntil }) => leaseUntil > clock.now())
      for (const message of renewed) message.leaseUntil = until
      return renewed
    },
  }
}

function deliveryOf({ message_id, key, body, headers, attempts }: Row): Delivery {
  return {
    id: String(message_id),
    key: typeof key === 'string' ? key : '',
    body: String(body),
    ...(typeof headers === 'string' && { headers: JSON.parse(headers) }),
    attempt: Number(attempts),
  }
}
