import { loadConfig } from '@quintet/chassis/config'
import { openQueue, runQueueCommand } from '@quintet/chassis/queue'
import type { QueueAdmin } from '@quintet/chassis/queue'
import { billingQueue } from '@quintet/contracts'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { settingsFor } from './services.ts'

/** `quintet queue`: inspects and changes the queues of all services, which may be on one broker or on several. */
export async function queue(words: readonly string[]): Promise<void> {
  const brokers: QueueAdmin[] = []
  try {
    for (const url of queueUrls()) brokers.push(await openQueue(url, { queues: [billingQueue] }))
    process.stdout.write(await runQueueCommand(brokers, words))
  } finally {
    for (const broker of brokers) await broker.close()
  }
}

function queueUrls(): Set<string> {
  const withQueue = serviceNames.filter((name) => 'queue' in topology[name].storage)
  const settings = settingsFor(withQueue)
  const urls = withQueue.flatMap((name) => {
    const { storage }: ServiceEntry = topology[name]
    if (storage.queue === undefined) return []
    const config: Readonly<Record<string, unknown>> = loadConfig(services[name].settings, settings)
    return [String(config[storage.queue])]
  })
  return new Set(urls)
}
