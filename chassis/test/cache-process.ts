import { createSqlArbiter, openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { openDatabase } from '@quintet/chassis/database'
import { migrations } from './cache-world.ts'
import { raised } from './database-faults.ts'
import type { Tables } from './database-world.ts'
import { testTimes } from './memory-arbiter.ts'

/** Raises the account `a` again and again, under markers that are valid for a short time. */
const [databaseUrl = '', cacheUrl = '', namespace = '', markerMs = ''] = process.argv.slice(2)
const database = await openDatabase<Tables>(databaseUrl, { migrations })
const cache = await openCache(cacheUrl, {
  clock: systemClock,
  namespace,
  arbiter: createSqlArbiter(database),
  times: { ...testTimes, markerMs: Number(markerMs) },
})
for (;;)
  await cache.write(
    ['a'],
    (deadline) => database.commit([raised(database, 'a')], deadline),
    () => undefined,
  )
