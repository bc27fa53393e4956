import { prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { checkEach } from '@quintet/chassis/promises'
import type { Check } from '@quintet/chassis/promises'
import { deadQueueOf } from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import type { CertificatesDatabase } from './database.ts'
import { notificationsQueue } from './notification-store.ts'

/**
 * A check that the notifications which have been pending for longest have a message, in the outbox or in the queue. A message moves from the
 * first to the second, so they are read in this order. Where the broker does not find a message by its id, the verdict is unknown.
 */
export function checkNotifications(
  database: CertificatesDatabase,
  { find: findMessage }: Pick<QueueAdmin, 'find'>,
): Check {
  const { isPending, isInOutbox, oldestPending } = prepareStatements(database)
  if (findMessage === undefined)
    return async () => {
      const sample = (await database.read(oldestPending({ limit: 1 }))).length
      if (sample === 0) return { verdict: 'kept', found: 'No notification is pending.', sample }
      const found = 'Notifications are pending, and the broker does not report which messages it has.'
      return { verdict: 'unknown', found, sample: 0 }
    }

  async function hasMessage(deliveryId: string): Promise<boolean> {
    if ((await database.read(isInOutbox({ deliveryId }))).length > 0) return true
    for (const queue of [notificationsQueue, deadQueueOf(notificationsQueue)])
      if ((await findMessage?.(queue, [deliveryId]))?.length !== 0) return true
    return false
  }

  return checkEach({
    noun: 'notification',
    chosen: 'pending for longest',
    kept: 'each has a message in the outbox or in the queue',
    async pick(limit) {
      const rows = await database.read(oldestPending({ limit }))
      return rows.map((row) => row.delivery_id)
    },
    async faultOf(deliveryId) {
      if (await hasMessage(deliveryId)) return undefined
      const rows = await database.read(isPending({ deliveryId }))
      return rows.length > 0 ? 'it has no message in the outbox or in the queue' : undefined
    },
  })
}

function prepareStatements({ query }: CertificatesDatabase) {
  return {
    oldestPending: prepareQuery((p: Placeholders<{ limit: number }>) =>
      query
        .selectFrom('notification')
        .select('delivery_id')
        .where('status', '=', 'pending')
        .orderBy('changed_at')
        .limit(p.limit),
    ),
    isPending: prepareQuery((p: Placeholders<{ deliveryId: string }>) =>
      query
        .selectFrom('notification')
        .select('id')
        .where('delivery_id', '=', p.deliveryId)
        .where('status', '=', 'pending'),
    ),
    isInOutbox: prepareQuery((p: Placeholders<{ deliveryId: string }>) =>
      query.selectFrom('outbox').select('id').where('message_id', '=', p.deliveryId).limit(1),
    ),
  }
}
