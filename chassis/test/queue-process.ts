import { openKeyedQueue, openQueue } from '@quintet/chassis/queue'

/**
 * A consumer in a process of its own, which reports each delivery to its parent. With `hang` its handlers never finish, so that
 * it can be killed before the acknowledgement. With `keyed` messages of a key keep their order.
 */
const [url = '', name = '', leaseMs = '', hang, keyed] = process.argv.slice(2)
const queue = await (keyed === 'keyed' ? openKeyedQueue(url) : openQueue(url))
const consumer = queue.consume(
  name,
  async ({ id, attempt }) => {
    process.send?.({ id, attempt })
    if (hang === 'hang') await new Promise(() => {})
  },
  { leaseMs: Number(leaseMs), prefetch: 8, concurrency: 4 },
)
process.once('disconnect', async () => {
  await consumer.stop()
  await queue.close()
})
process.send?.('ready')
