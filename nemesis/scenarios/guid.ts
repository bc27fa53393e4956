import { lockedTable } from '../faults/engine-faults.ts'
import { withDatabase } from '../faults/faulty-engine.ts'
import { migrate } from '../faults/service-process.ts'
import { createGuidLoad } from '../load/guid-load.ts'
import { assemble } from './assemble.ts'
import { startEmbedded } from './embedded.ts'
import { startEngine, startRedis } from './engines.ts'
import { named } from './named.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const loads = { guid: createGuidLoad }
const list = '/guids'

export const guidEmbedded: Scenario = {
  name: 'guid-embedded',
  summary: 'two processes of guid on one SQLite database',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => ({
      ...(await startEmbedded('guid', {}, { closeLater, folder, list })),
      loads,
    })),
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
        GUID_DATABASE_URL: withDatabase(postgres.url, 'guid_db'),
        CACHE_URL: redis.url,
      }
      await migrate('guid', settings)
      const replicas = await startReplicas('guid', settings, { closeLater, folder, list, count: 3 })
      const lock = lockedTable(withDatabase(postgres.engine.url, 'guid_db'), 'guid')
      const ofPostgres = [...postgres.faults, named('postgres', lock)]
      return { ...systemOf(replicas, [ofPostgres, redis.faults]), loads }
    }),
}
