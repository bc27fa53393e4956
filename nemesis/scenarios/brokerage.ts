import { migrate } from '../faults/service-process.ts'
import { sqliteFaults } from '../faults/sqlite-faults.ts'
import { alwaysOpen, createBrokerageLoad } from '../load/brokerage-load.ts'
import { assemble } from './assemble.ts'
import { startEngine, startRedis } from './engines.ts'
import { named } from './named.ts'
import { startReplicas } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const loads = { brokerage: createBrokerageLoad }
const list = '/accounts/1/ledger'

export const brokerageEmbedded: Scenario = {
  name: 'brokerage-embedded',
  summary: 'two processes of the brokerage on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const database = closeLater(sqliteFaults(folder, 'brokerage.db'))
      const settings = { ...alwaysOpen, DATA_DIR: database.folder }
      const replicas = await startReplicas('brokerage', settings, { folder, list, count: 2 })
      for (const replica of replicas) closeLater(replica)
      return {
        targets: [
          ...replicas.map(({ faults }) => faults),
          database.faults.map((one) => named('sqlite', one)),
        ],
        loads,
        addresses: replicas.map(({ address }) => address),
        processes: replicas.map(({ process }) => process),
      }
    }),
}

export const brokerageDynamodb: Scenario = {
  name: 'brokerage-dynamodb',
  summary: 'a process of the brokerage on DynamoDB, with Redis as its cache',
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
      // One process: with two, the outcome of a transaction whose response was lost is found out wrongly at times.
      const replicas = await startReplicas('brokerage', settings, { folder, list })
      for (const replica of replicas) closeLater(replica)
      return {
        // The stand-in loses its data when it is killed.
        targets: [
          ...replicas.map(({ faults }) => faults),
          dynamodb.faults.filter(({ name }) => !name.endsWith('kill')),
          redis.faults,
        ],
        loads,
        addresses: replicas.map(({ address }) => address),
        processes: replicas.map(({ process }) => process),
      }
    }),
}
