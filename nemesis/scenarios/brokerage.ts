import { migrate } from '../faults/service-process.ts'
import { alwaysOpen, createBrokerageLoad } from '../load/brokerage-load.ts'
import { assemble } from './assemble.ts'
import { startEmbedded } from './embedded.ts'
import { startEngine, startRedis } from './engines.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const loads = { brokerage: createBrokerageLoad }
const list = '/accounts/1/ledger'

export const brokerageEmbedded: Scenario = {
  name: 'brokerage-embedded',
  summary: 'two processes of the brokerage on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => ({
      ...(await startEmbedded('brokerage', alwaysOpen, { closeLater, folder, list })),
      loads,
    })),
}

export const brokerageDynamodb: Scenario = {
  name: 'brokerage-dynamodb',
  summary: 'two processes of the brokerage on DynamoDB, with Redis as their cache',
  engines: ['dynamodb', 'redis'],
  start: (folder) =>
    assemble(async (closeLater) => {
      const dynamodb = closeLater(await startEngine('dynamodb'))
      const redis = closeLater(await startRedis())
      const settings = {
        ...alwaysOpen,
        DATA_DIR: folder,
        BROKERAGE_DATABASE_URL: dynamodb.url,
        CACHE_URL: redis.url,
      }
      await migrate('brokerage', settings)
      const replicas = await startReplicas('brokerage', settings, { closeLater, folder, list, count: 2 })
      // The stand-in loses its data when it is killed.
      const ofDynamodb = dynamodb.faults.filter(({ name }) => !name.endsWith('kill'))
      return { ...systemOf(replicas, [ofDynamodb, redis.faults]), loads }
    }),
}
