import { engineUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { testArbiter } from '@quintet/chassis/testing/arbiter'
import { createMongoArbiter } from '../src/mongodb/arbiter.ts'
import { openMongoConnection } from '../src/mongodb/connection.ts'

const server = engineUrl('mongodb')
if (server !== undefined)
  testArbiter('mongodb', async (t) => {
    const url = freshDatabaseOn(server)
    const [one, other] = [openMongoConnection(url), openMongoConnection(url)]
    t.after(() => Promise.all([one.close(), other.close()]))
    return [createMongoArbiter(one), createMongoArbiter(other)]
  })
