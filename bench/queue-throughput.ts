import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openQueue } from '@quintet/chassis/queue'
import { billingQueue } from '@quintet/contracts'
import { billing } from './rows.ts'
import { startServer } from './servers.ts'

const ordersCount = 40_000
const batchSize = 500
const pollMs = 10
const body = JSON.stringify({ user_id: '3', number_of_items: '5', total_amount: '180' })

/** Orders per second from the first message in the queue to the last order in the database; two processes, one on each side. */
export async function queueThroughput(directory: string): Promise<number> {
  const url = `sqlite:${join(mkdtempSync(join(directory, 'queue-')), 'queue.db')}`
  const server = await startServer([{ ...billing, settings: { QUEUE_URL: url } }], { directory })
  const queue = await openQueue(url)
  try {
    const startedAt = performance.now()
    for (let posted = 0; posted < ordersCount; posted += batchSize) {
      const messages = Array.from({ length: batchSize }, () => ({ id: randomUUID(), key: '' as const, body }))
      await queue.publishAll(billingQueue, messages)
    }
    while ((await queue.depth(billingQueue)) > 0) await setTimeout(pollMs)
    return (ordersCount * 1_000) / (performance.now() - startedAt)
  } finally {
    await queue.close()
    await server.close()
  }
}
