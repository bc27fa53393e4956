import { createSqlArbiter } from '@quintet/chassis/cache'
import { testArbiter } from './arbiter-contract.ts'
import { openWithControl } from './cache-world.ts'
import { createFileUrl } from './testing.ts'

testArbiter('sqlite', async (t) => {
  const url = createFileUrl(t)
  const [one, other] = [await openWithControl(t, url), await openWithControl(t, url)]
  return [createSqlArbiter(one), createSqlArbiter(other)]
})
