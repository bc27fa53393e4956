import { createSqlArbiter } from '@quintet/chassis/cache'
import { testArbiter } from './arbiter-contract.ts'
import { openWithControl } from './cache-world.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

for (const engine of ['postgres', 'mysql'] as const) {
  const server = engineUrl(engine)
  if (server !== undefined)
    testArbiter(engine, async (t) => {
      const url = freshDatabaseOn(server)
      const [one, other] = [await openWithControl(t, url), await openWithControl(t, url)]
      return [createSqlArbiter(one), createSqlArbiter(other)]
    })
}
