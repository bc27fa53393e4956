import { MongoClient } from 'mongodb'
import { good, weak } from './index.ts'
import type { Finding } from './index.ts'

/** MongoDB: a replica set, since only there a write that a majority holds survives the loss of a node. */
export async function diagnoseMongodb(url: string): Promise<Finding[]> {
  const client = await new MongoClient(url, { serverSelectionTimeoutMS: 5_000 }).connect()
  try {
    const admin = client.db('admin')
    const build = await admin.command({ buildInfo: 1 })
    const hello = await admin.command({ hello: 1 })
    const isFerret = 'ferretdb' in build || 'ferretdbVersion' in build
    return [
      isFerret
        ? weak(`FerretDB answers in place of MongoDB, speaking the protocol of ${build.version}: for tests.`)
        : good(`MongoDB ${build.version} answers.`),
      typeof hello.setName === 'string'
        ? good(`It is the replica set ${hello.setName}: a write is answered when a majority of it holds it.`)
        : weak('It is no replica set: what was answered is as safe as this one server.'),
    ]
  } finally {
    await client.close()
  }
}
