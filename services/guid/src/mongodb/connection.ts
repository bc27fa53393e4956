import { MongoClient, ReadConcern } from 'mongodb'
import type { Collection } from 'mongodb'
import { exponentialBackoffMs, TimeoutError } from '@quintet/chassis/clock'
import type { Deadline } from '@quintet/chassis/clock'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { createLimiter } from '@quintet/chassis/concurrency'
import { isDuplicateKey, readError, writeError } from './error-class.ts'

const connectionsMax = 32
const waitingMax = 2_000
const connectTimeoutMs = 2_000
const selectionTimeoutMs = 2_000
const checkoutTimeoutMs = 1_000
const commandTimeoutMs = 2_000
/** For a server that does not even time out any more; its connection is given up then. */
const answerTimeoutMs = 4_000
/** More than all of these together: a command that meets the end of its connection may wait for ever in the driver. */
const lostTimeoutMs = 8_000
const heartbeatMs = 1_000
const idleTimeoutMs = 60_000
const retryPauseMaxMs = 1_000

/** What every command is given along, so that the server gives it up by itself, and the driver in the end. */
export type CommandOptions = { readonly maxTimeMS: number; readonly signal: AbortSignal }

/** How one document is read. */
export type ReadOptions = CommandOptions & {
  readonly readConcern: { readonly level: 'linearizable' | 'local' }
}

/**
 * One database of MongoDB, which need not be there. A write that resolved is on the disks of a majority; all of it is one
 * document at a time, since no more than that is one unit everywhere.
 */
export type MongoConnection = {
  collection<T extends { _id: string }>(name: string): Collection<T>
  /** Reads one document by its id, with everything in it that was answered before. */
  readLinearizable<R>(find: (options: ReadOptions) => Promise<R | null>): Promise<R | undefined>
  /** What a majority has, at about this moment. */
  read<R>(work: (limits: CommandOptions) => Promise<R>): Promise<R>
  /** Runs the insertion of a new document; false when there is one with its id. */
  insert(work: (limits: CommandOptions) => Promise<unknown>, deadline?: Deadline): Promise<boolean>
  /**
   * Runs one command that changes something. Rejects with `dependency_down` or `overloaded` when nothing was changed, and with
   * `outcome_unknown` when the answer was lost. It is never repeated here: a condition that its own first try had made
   * untrue would read as somebody else's win.
   */
  write<R>(work: (limits: CommandOptions) => Promise<R>, deadline?: Deadline): Promise<R>
  /** Rejects when the server does not answer, or when it is not as `check` wants it. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type MongoOptions = {
  /** Looks whether the database is as it must be; nothing else gets at it before that was so once. */
  readonly check?: (link: UncheckedConnection) => Promise<void>
}

/** What a look at the database can use. */
export type UncheckedConnection = Pick<MongoConnection, 'collection' | 'readLinearizable' | 'read'>

/** Opens the database that the path of the URL names; throws a plain error where it names none. */
export function openMongoConnection(
  url: string,
  { check = async () => {} }: MongoOptions = {},
): MongoConnection {
  const client = connectionTo(url)
  // Given here and not with the connection, since what the URL says of them would come before that.
  const database = client.db(undefined, {
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: commandTimeoutMs },
    readConcern: new ReadConcern('majority'),
    readPreference: 'primary',
  })
  let connected = false
  let connecting: Promise<void> | undefined
  let isReplicated = true
  // A connection for each that is let in, so that nobody waits for one when it has been judged to be in time.
  const limiter = createLimiter({
    concurrencyMax: connectionsMax,
    waitingMax,
    refusal: 'Too many requests are waiting for the database.',
  })
  let failures = 0
  let retryAt = Number.NEGATIVE_INFINITY
  let fault: unknown
  let checked = false
  let checking: Promise<void> | undefined
  let closed = false
  client.on('serverDescriptionChanged', ({ newDescription }) => {
    if (newDescription.type !== 'Unknown') isReplicated = newDescription.type !== 'Standalone'
  })

  /** The driver does not get over a first connection that failed, but for being asked to connect once more. */
  function connect(): Promise<void> {
    if (connected) return Promise.resolve()
    connecting ??= client
      .connect()
      .then(() => {
        connected = true
      })
      .catch((error: unknown) => {
        recordUnavailable(error)
        throw readError(error)
      })
      .finally(() => {
        connecting = undefined
      })
    return connecting
  }

  function recordUnavailable(error: unknown): void {
    failures += 1
    fault = error
    retryAt = performance.now() + Math.min(retryPauseMaxMs, exponentialBackoffMs(failures))
  }

  /** A server that is away is not waited for by each who comes: those between two tries are told at once. */
  function use<R>(work: (limits: CommandOptions) => Promise<R>): Promise<R> {
    return limiter(async () => {
      if (closed) throw dependencyDown('The database is closed.')
      if (performance.now() < retryAt) throw readError(fault)
      try {
        await connect()
        const result = await bounded(work)
        failures = 0
        return result
      } catch (error) {
        if (error instanceof Error && error.name === 'MongoServerSelectionError') recordUnavailable(error)
        throw error
      }
    })
  }

  /** What is given up gives its connection back, too: the pool would else shrink with each failure of the server. */
  async function bounded<R>(work: (limits: CommandOptions) => Promise<R>): Promise<R> {
    const lost = new AbortController()
    const timer = setTimeout(
      () => lost.abort(new TimeoutError('A command was lost with its connection.')),
      lostTimeoutMs,
    )
    try {
      return await work({ maxTimeMS: commandTimeoutMs, signal: lost.signal })
    } finally {
      clearTimeout(timer)
    }
  }

  async function reading<R>(work: (limits: CommandOptions) => Promise<R>): Promise<R> {
    try {
      return await use(work)
    } catch (error) {
      throw readError(error)
    }
  }

  /**
   * Linearizable where there are several members: one that is cut off and has not noticed that another was elected would
   * else show, even under majority, what had been answered before that. A single server has one state.
   */
  function readLinearizable<R>(find: (options: ReadOptions) => Promise<R | null>): Promise<R | undefined> {
    return reading(async (options) => {
      const readConcern = { level: isReplicated ? ('linearizable' as const) : ('local' as const) }
      return (await find({ ...options, readConcern })) ?? undefined
    })
  }

  const collection = <T extends { _id: string }>(name: string) => database.collection<T>(name)

  function pass(): Promise<void> {
    if (checked) return Promise.resolve()
    checking ??= check({ collection, readLinearizable, read: reading })
      .then(() => {
        checked = true
      })
      .finally(() => {
        checking = undefined
      })
    return checking
  }

  async function write<R>(
    work: (limits: CommandOptions) => Promise<R>,
    { before = Number.POSITIVE_INFINITY }: Deadline = {},
  ): Promise<R> {
    await pass()
    try {
      return await use((options) => {
        // The server cannot judge it by its own clock, so the time is left in which the command may wait to be sent.
        if (performance.now() >= before - selectionTimeoutMs - checkoutTimeoutMs)
          throw new AppError('overloaded', 'The write came too late and was not made.')
        return work(options)
      })
    } catch (error) {
      throw writeError(error)
    }
  }

  return {
    collection,
    async readLinearizable(find) {
      await pass()
      return readLinearizable(find)
    },
    async read(work) {
      await pass()
      return reading(work)
    },
    async insert(work, deadline) {
      try {
        await write(work, deadline)
        return true
      } catch (error) {
        if (isDuplicateKey(error)) return false
        throw error
      }
    },
    write,
    async ping() {
      await reading((options) => database.command({ ping: 1, ...options }))
      await pass()
    },
    async close() {
      closed = true
      await client.close()
    },
  }
}

function connectionTo(url: string): MongoClient {
  if (!/^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/.test(url))
    throw new Error('The URL of MongoDB must name a database, as in mongodb://host/guid_db.')
  return new MongoClient(url, {
    appName: 'quintet',
    retryWrites: false,
    maxPoolSize: connectionsMax,
    maxIdleTimeMS: idleTimeoutMs,
    connectTimeoutMS: connectTimeoutMs,
    serverSelectionTimeoutMS: selectionTimeoutMs,
    waitQueueTimeoutMS: checkoutTimeoutMs,
    socketTimeoutMS: answerTimeoutMs,
    heartbeatFrequencyMS: heartbeatMs,
  })
}

export type { Collection, Filter, UpdateFilter } from 'mongodb'
