import { broken, good, weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { namesDatabase } from './client.ts'

const wireVersionMin = 13

/** Whether MongoDB is a primary, with a majority of more than one disk, that journals what it acknowledges. */
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
    return weak(`FerretDB stands in for MongoDB ${version}; use it only for development and tests.`)
  return Number(maxWireVersion) >= wireVersionMin
    ? good(`MongoDB ${version} answers.`)
    : weak(`MongoDB ${version} is not supported; use 5.0 or newer.`)
}

function databaseOf(url: string): Finding {
  return namesDatabase(url)
    ? good('The URL names a database.')
    : broken('The URL must name a database, as in mongodb://host/guid_db.')
}

function primaryOf(hello: Document): Finding {
  return hello.isWritablePrimary === true
    ? good('It is a primary, which accepts writes.')
    : broken('It accepts no writes: list the addresses of all members in the URL, without directConnection.')
}

/** Writes wait for a majority of the voting members with data, so these decide what survives a failure. */
async function replicationOf(client: MongoClient, hello: Document): Promise<Finding> {
  if (hello.msg === 'isdbgrid') return good('It is the router of a sharded cluster, which is replicated.')
  if (hello.setName === undefined)
    return weak('It is a standalone server: acknowledged writes are on one disk, and there is no failover.')
  const members = [...(hello.hosts ?? []), ...(hello.passives ?? [])].length
  if (members < 3)
    return weak(`The replica set ${hello.setName} has ${members} members with data: no member may fail.`)
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
  if (engine === undefined) return weak('It does not report whether it stores data on disk.')
  return engine.persistent === true
    ? good(`It stores data on disk (${engine.name}), and a write waits for the journal.`)
    : broken(
        `Its storage engine ${engine.name} is in memory: acknowledged writes are lost when the server stops.`,
      )
}
