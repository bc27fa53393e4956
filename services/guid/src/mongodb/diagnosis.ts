import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { broken, good, weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'

const wireVersionMin = 13

/** MongoDB: a primary whose majority is more than one disk, and which journals what it says it has. */
export async function diagnoseMongodb(url: string): Promise<Finding[]> {
  const client = new MongoClient(url, {
    appName: 'quintet doctor',
    serverSelectionTimeoutMS: 5_000,
    readPreference: 'primaryPreferred',
  })
  try {
    const admin = client.db('admin')
    const [hello, build] = [await admin.command({ hello: 1 }), await admin.command({ buildInfo: 1 })]
    return [
      versionOf(hello, build),
      databaseOf(url),
      primaryOf(hello),
      await replicationOf(client, hello),
      await journalOf(client),
    ]
  } finally {
    await client.close()
  }
}

function versionOf({ maxWireVersion }: Document, { version, ferretdbVersion }: Document): Finding {
  if (ferretdbVersion !== undefined)
    return weak(`FerretDB answers in the place of MongoDB ${version}: it is for development and tests.`)
  return Number(maxWireVersion) >= wireVersionMin
    ? good(`MongoDB ${version} answers.`)
    : weak(`MongoDB ${version} is older than 5.0, from which on it is meant to be used.`)
}

function databaseOf(url: string): Finding {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/.test(url)
    ? good('The URL names a database.')
    : broken('The URL names no database: end it in one, as in mongodb://host/guid_db.')
}

function primaryOf(hello: Document): Finding {
  return hello.isWritablePrimary === true
    ? good('It is a primary and takes writes.')
    : broken('It takes no writes: give the addresses of all members, without directConnection.')
}

/** Writes wait for a majority of the members that vote and hold data, and there it is decided what survives. */
async function replicationOf(client: MongoClient, hello: Document): Promise<Finding> {
  if (hello.msg === 'isdbgrid') return good('It is a router of a sharded cluster, which replicates.')
  if (hello.setName === undefined)
    return weak('It stands alone: what was answered is on one disk, and nobody takes over.')
  const members = [...(hello.hosts ?? []), ...(hello.passives ?? [])].length
  if (members < 3)
    return weak(`The replica set ${hello.setName} has ${members} members with data: none can be missed.`)
  const status = await client
    .db('admin')
    .command({ replSetGetStatus: 1 })
    .catch(() => undefined)
  const majority = status?.writeMajorityCount
  return majority === undefined
    ? good(`The replica set ${hello.setName} has ${members} members with data.`)
    : good(
        `The replica set ${hello.setName} has ${members} members with data; a write waits for ${majority}.`,
      )
}

async function journalOf(client: MongoClient): Promise<Finding> {
  const status = await client
    .db('admin')
    .command({ serverStatus: 1 })
    .catch(() => undefined)
  const engine = status?.storageEngine
  if (engine === undefined) return weak('It does not say whether it writes to a disk.')
  return engine.persistent === true
    ? good(`It stores on a disk (${engine.name}), and a write waits for the journal.`)
    : broken(`Its storage engine ${engine.name} keeps nothing: what was answered is lost with the server.`)
}
