import { migrate } from '../faults/service-process.ts'
import { sqliteFaults } from '../faults/sqlite-faults.ts'
import { createGuidLoad } from '../load/guid-load.ts'
import { assemble, named, startEngine, startReplicas } from './parts.ts'
import type { Scenario } from './scenario.ts'

const loads = { guid: createGuidLoad }

export const guidEmbedded: Scenario = {
  name: 'guid-embedded',
  summary: 'two processes of guid on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const database = closeLater(sqliteFaults(folder, 'guid.db'))
      const settings = { DATA_DIR: database.folder }
      const replicas = (await startReplicas('guid', [settings, settings])).map(closeLater)
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
      const redis = closeLater(await startEngine('redis'))
      const settings = {
        DATA_DIR: folder,
        GUID_DATABASE_URL: Object.assign(new URL(postgres.url), { pathname: '/guid_db' }).href,
        CACHE_URL: redis.url,
      }
      await migrate('guid', settings)
      const replicas = (await startReplicas('guid', [settings, settings, settings])).map(closeLater)
      return {
        targets: [...replicas.map(({ faults }) => faults), postgres.faults, redis.faults],
        loads,
        addresses: replicas.map(({ address }) => address),
        processes: replicas.map(({ process }) => process),
      }
    }),
}
