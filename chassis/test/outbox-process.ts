import { systemClock } from '@quintet/chassis/clock'
import { openDatabase } from '@quintet/chassis/database'
import { createOutboxRelay } from '@quintet/chassis/outbox'
import { openQueue } from '@quintet/chassis/queue'
import type { OutboxTable } from '@quintet/chassis/outbox'

/** Relays an outbox, and dies when the messages have been published and the rows are still there. */
const [databaseUrl = '', queueUrl = '', leaseMs = ''] = process.argv.slice(2)
const database = await openDatabase<OutboxTable>(databaseUrl, {
  migrations: new URL('./migrations/', import.meta.url),
})
const queue = await openQueue(queueUrl)
createOutboxRelay({
  database,
  clock: systemClock,
  leaseMs: Number(leaseMs),
  queue: {
    append: queue.append,
    async publishAll(name, messages) {
      await queue.publishAll(name, messages)
      process.kill(process.pid, 'SIGKILL')
    },
  },
}).wake()
