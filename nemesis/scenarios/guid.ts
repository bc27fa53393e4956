import { lockedTable } from '../faults/engine-faults.ts'
import { migrate } from '../faults/service-process.ts'
import { sqliteFaults } from '../faults/sqlite-faults.ts'
import { createGuidLoad } from '../load/guid-load.ts'
import { assemble } from './assemble.ts'
import { databaseUrl, startEngine, startRedis } from './engines.ts'
import { named } from './named.ts'
import { startReplicas } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const loads = { guid: createGuidLoad }
const list = '/guids'

export const guidEmbedded: Scenario = {
  name: 'guid-embedded',
  summary: 'two processes of guid on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const database = closeLater(sqliteFaults(folder, 'guid.db'))
      const settings = { DATA_DIR: database.folder }
      const replicas = await startReplicas('guid', settings, { folder, list, count: 2 })
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

export const guidPostgres: Scenario = {
  name: 'guid-postgres',
  summary: 'three processes of guid on PostgreSQL, with Redis as their cache',
  engines: ['postgres', 'redis'],
  start: (folder) =>
    assemble(async (closeLater) => {
      const postgres = closeLater(await startEngine('postgres'))
      const redis = closeLater(await startRedis())
      const settings = {
        DATA_DIR: folder,
        GUID_DATABASE_URL: databaseUrl(postgres, 'guid_db'),
        CACHE_URL: redis.url,
      }
      await migrate('guid', settings)
      const replicas = await startReplicas('guid', settings, { folder, list, count: 3 })
      for (const replica of replicas) closeLater(replica)
      const lock = lockedTable(databaseUrl(postgres.engine, 'guid_db'), 'guid')
      return {
        targets: [
          ...replicas.map(({ faults }) => faults),
          [...postgres.faults, named('postgres', lock)],
          redis.faults,
        ],
        loads,
        addresses: replicas.map(({ address }) => address),
        processes: replicas.map(({ process }) => process),
      }
    }),
}
