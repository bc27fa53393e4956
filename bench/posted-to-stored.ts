import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openQueue } from '@quintet/chassis/queue'
import { billingQueue } from '@quintet/contracts'
import { billing } from './rows.ts'
import { startServer } from './servers.ts'

const ordersCount = 40_000
const postedAtOnce = 500
const pollMs = 10
const body = JSON.stringify({ user_id: '3', number_of_items: '5', total_amount: '180' })

/** From the first message in the queue to the last order in the database, posting and storing at once in two processes. */
export async function ordersPerSecond(directory: string): Promise<number> {
  const url = `sqlite:${join(mkdtempSync(join(directory, 'queue-')), 'queue.db')}`
  const server = await startServer([{ ...billing, settings: { QUEUE_URL: url } }], { directory })
  const queue = await openQueue(url)
  try {
    const startedAt = performance.now()
    for (let posted = 0; posted < ordersCount; posted += postedAtOnce) {
      const messages = Array.from({ length: postedAtOnce }, () => ({ id: randomUUID(), key: '', body }))
      await queue.publishAll(billingQueue, messages)
    }
    while ((await queue.depth(billingQueue)) > 0) await setTimeout(pollMs)
    return (ordersCount * 1_000) / (performance.now() - startedAt)
  } finally {
    await queue.close()
    await server.close()
  }
}
