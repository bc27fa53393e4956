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

export const guidPostgres = onDatabase(
  'postgres',
  'three processes of guid on PostgreSQL, with Redis as their cache',
)
export const guidMysql = onDatabase('mysql', 'three processes of guid on MySQL, with Redis as their cache')

function onDatabase(name: 'postgres' | 'mysql', summary: string): Scenario {
  return {
    name: `guid-${name}`,
    summary,
    engines: [name, 'redis'],
    start: (folder) =>
      assemble(async (closeLater) => {
        const database = closeLater(await startEngine(name))
        const redis = closeLater(await startRedis())
        const settings = {
          DATA_DIR: folder,
          GUID_DATABASE_URL: withDatabase(database.url, 'guid_db'),
          CACHE_URL: redis.url,
        }
        await migrate('guid', settings)
        const replicas = await startReplicas('guid', settings, { closeLater, folder, list, count: 3 })
        const lock = lockedTable(withDatabase(database.engine.url, 'guid_db'), 'guid')
        const ofDatabase = [...database.faults, named(name, lock)]
        return { ...systemOf(replicas, [ofDatabase, redis.faults]), loads }
      }),
  }
}

export const guidMongodb: Scenario = {
  name: 'guid-mongodb',
  summary: 'two processes of guid on MongoDB',
  engines: ['mongodb'],
  start: (folder) =>
    assemble(async (closeLater) => {
      const mongodb = closeLater(await startEngine('mongodb'))
      const settings = { DATA_DIR: folder, GUID_DATABASE_URL: withDatabase(mongodb.url, 'guid_db') }
      await migrate('guid', settings)
      const replicas = await startReplicas('guid', settings, { closeLater, folder, list, count: 2 })
      return { ...systemOf(replicas, [mongodb.faults]), loads }
    }),
}
