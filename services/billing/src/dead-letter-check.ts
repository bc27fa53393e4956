import { checkEach } from '@quintet/chassis/promises'
import type { Check } from '@quintet/chassis/promises'
import { deadQueueOf } from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { billingQueue } from '@quintet/contracts'

const deadQueue = deadQueueOf(billingQueue)

/**
 * A check that dead letters have their reason. A broker that does not find a message by its id lists messages by taking them and giving
 * them back, which a check must not do: then the verdict is unknown.
 */
export function checkDeadLetters(queue: Pick<QueueAdmin, 'list' | 'find' | 'queues'>): Check {
  const { find } = queue
  if (find === undefined) return () => countDead(queue)
  return checkEach({
    noun: 'dead letter',
    chosen: 'from the oldest on',
    kept: 'each has its reason',
    pick: async (limit) => (await queue.list(deadQueue, { limit })).map(({ id }) => id),
    async faultOf(id) {
      const [message] = await find(deadQueue, [id])
      return message !== undefined && (message.reason ?? '') === '' ? 'it has no reason' : undefined
    },
  })
}

async function countDead({ queues }: Pick<QueueAdmin, 'queues'>): ReturnType<Check> {
  const depth = (await queues()).find(({ name }) => name === deadQueue)?.depth ?? 0
  if (depth === 0) return { verdict: 'kept', found: 'There are no dead letters.', sample: 0 }
  const found = `There are ${depth} dead letters, which the broker shows only by taking them: see quintet queue show.`
  return { verdict: 'unknown', found, sample: 0 }
}
