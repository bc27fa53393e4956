import { systemClock } from '@quintet/chassis/clock'
import { openDatabase } from '@quintet/chassis/database'
import { createRelay, createSqlOutbox } from '@quintet/chassis/outbox'
import { openKeyedQueue } from '@quintet/chassis/queue'
import type { OutboxTable } from '@quintet/chassis/outbox'

/** Relays an outbox, and kills itself after the messages are published and before their rows are removed. */
const [databaseUrl = '', queueUrl = '', leaseMs = ''] = process.argv.slice(2)
const database = await openDatabase<OutboxTable>(databaseUrl, {
  migrations: new URL('./migrations/', import.meta.url),
})
const queue = await openKeyedQueue(queueUrl)
createRelay({
  outbox: createSqlOutbox(database),
  clock: systemClock,
  leaseMs: Number(leaseMs),
  queue: {
    async publishAll(name, messages) {
      await queue.publishAll(name, messages)
      process.kill(process.pid, 'SIGKILL')
    },
  },
}).wake()
