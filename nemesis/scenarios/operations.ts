import { createOperationsLoad } from '../load/operations-load.ts'
import { assemble } from './assemble.ts'
import { startEmbedded } from './embedded.ts'
import { startEngine } from './engines.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const loads = { operations: createOperationsLoad }
const list = '/guids'

export const operationsEmbedded: Scenario = {
  name: 'operations-embedded',
  summary: 'changes that two processes of guid accept and make later, on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => ({
      ...(await startEmbedded('guid', {}, { closeLater, folder, list })),
      loads,
    })),
}

export const operationsKafka: Scenario = {
  name: 'operations-kafka',
  summary: 'changes that two processes of guid accept and make later, with Kafka as their queue',
  engines: ['kafka'],
  start: (folder) =>
    assemble(async (closeLater) => {
      const kafka = closeLater(await startEngine('kafka'))
      const settings = { DATA_DIR: folder, EVENTS_URL: kafka.url }
      const options = { closeLater, folder, list, count: 2 }
      const replicas = await startReplicas('guid', settings, options)
      return { ...systemOf(replicas, [kafka.faults]), loads }
    }),
}
