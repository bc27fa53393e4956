import { TimeoutError } from '@quintet/chassis/clock'
import { ConfigError } from '@quintet/chassis/config'
import { MongoClient, ReadConcern } from 'mongodb'
import type { Db, MongoClientOptions } from 'mongodb'

export const connectionsMax = 32
/** The driver makes one attempt after the other, so one that was lost delays the next. */
const connectTimeoutMs = 1_000
export const selectionTimeoutMs = 2_000
export const checkoutTimeoutMs = 1_000
const commandTimeoutMs = 2_000
/** For a server that does not enforce the time limit of commands any more; the connection is closed then. */
const socketTimeoutMs = 4_000
/** Longer than all of these together. Without it, a command whose connection is lost can wait forever in the driver. */
const abortTimeoutMs = 8_000
const heartbeatMs = 500
const idleTimeoutMs = 60_000

/** Options of every command: the time limit for the server, and the signal that ends it in the driver. */
export type CommandOptions = { readonly maxTimeMS: number; readonly signal: AbortSignal }

/** A client of the database that the URL names; throws a ConfigError where it names none, or if the driver rejects the URL. */
export function createMongoClient(url: string): MongoClient {
  if (!namesDatabase(url))
    throw new ConfigError(['GUID_DATABASE_URL must name a database, as in mongodb://host/guid_db.'])
  try {
    return new MongoClient(url, options)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new ConfigError([
      `GUID_DATABASE_URL must be a valid URL of MongoDB, in which TLS is tls=true: ${reasonOf(error)}.`,
    ])
  }
}

export function namesDatabase(url: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/.test(url)
}

const options: MongoClientOptions = {
  appName: 'quintet',
  retryWrites: false,
  maxPoolSize: connectionsMax,
  maxIdleTimeMS: idleTimeoutMs,
  connectTimeoutMS: connectTimeoutMs,
  serverSelectionTimeoutMS: selectionTimeoutMs,
  waitQueueTimeoutMS: checkoutTimeoutMs,
  socketTimeoutMS: socketTimeoutMs,
  heartbeatFrequencyMS: heartbeatMs,
}

/** The message of the driver in one line, unless it repeats the URL, which has the password. */
function reasonOf({ message }: Error): string {
  return message.includes('://') ? 'its form is wrong' : message.replace(/\s+/g, ' ').replace(/\.$/, '')
}

/** The concerns are set here, since options in the URL would take precedence over those of the client. */
export function databaseOf(client: MongoClient): Db {
  return client.db(undefined, {
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: commandTimeoutMs },
    readConcern: new ReadConcern('majority'),
    readPreference: 'primary',
  })
}

/** Whether the server is known to have, or may have, other members beside it. */
export function watchReplication(client: MongoClient): () => boolean {
  let isReplicated = true
  client.on('serverDescriptionChanged', ({ newDescription }) => {
    if (newDescription.type !== 'Unknown') isReplicated = newDescription.type !== 'Standalone'
  })
  return () => isReplicated
}

/** Runs a command that is aborted when it takes too long, so that it returns its connection to the pool. */
export async function runCommand<R>(command: (options: CommandOptions) => Promise<R>): Promise<R> {
  const abort = new AbortController()
  const timer = setTimeout(
    () => abort.abort(new TimeoutError('A command was lost with its connection.')),
    abortTimeoutMs,
  )
  try {
    return await command({ maxTimeMS: commandTimeoutMs, signal: abort.signal })
  } finally {
    clearTimeout(timer)
  }
}
