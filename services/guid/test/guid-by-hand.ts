import type { TestContext } from 'node:test'
import type { App } from '@quintet/chassis/http'
import { openByHand } from '@quintet/chassis/testing/by-hand'
import type { Guid } from '../src/guid.ts'

/** Changes members of a GUID behind the back of the service, on the engine of the URL. */
export async function changeByHand(
  t: TestContext,
  world: { url: string; app: App },
): Promise<(guid: string, change: Partial<Guid>) => Promise<void>> {
  if (world.url.startsWith('mongodb:')) return onMongo(t, world.url)
  const run = await openByHand(t, world)
  const quote = world.url.startsWith('mysql:') ? '`' : '"'
  return async (guid, change) => {
    const values = Object.entries(change).map(([name, value]) => `${quote}${name}${quote} = '${value}'`)
    await run(`update guid set ${values.join(', ')} where guid = '${guid}'`)
  }
}

/** The driver is loaded here, since only one of the engines needs it. */
async function onMongo(t: TestContext, url: string) {
  const { MongoClient } = await import('mongodb')
  const client = new MongoClient(url, { retryWrites: false })
  t.after(() => client.close())
  const guids = client.db(new URL(url).pathname.slice(1)).collection<{ _id: string }>('guids')
  return async (guid: string, change: Partial<Guid>) => {
    await guids.updateOne({ _id: guid }, { $set: change })
  }
}
