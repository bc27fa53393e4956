import type { Database } from '@quintet/chassis/database'
import type { CheckedPromise } from '@quintet/chassis/promises'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { checkDeadLetters } from './dead-letter-check.ts'
import { checkOrders } from './order-check.ts'
import type { OrderStore, OrderTables } from './order-store.ts'

/** What is promised of orders, as far as the running service can check it. */
export function billingPromises({
  database,
  orders,
  queue,
}: {
  database: Database<OrderTables>
  orders: OrderStore
  queue: QueueAdmin
}): readonly CheckedPromise[] {
  const guarantee = 'a-posted-order-is-stored-exactly-once'
  return [
    {
      id: 'orders',
      title: 'Each message that was handled has made one order.',
      guarantee,
      check: checkOrders(database, orders),
    },
    {
      id: 'dead-letters',
      title: 'A message that failed is kept with the reason.',
      guarantee,
      check: checkDeadLetters(queue),
    },
  ]
}
