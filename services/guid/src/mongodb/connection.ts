import type { Deadline } from '@quintet/chassis/clock'
import { createServerConnection, withDatabaseSpan } from '@quintet/chassis/database'
import type { OperationDurations } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import type { Collection } from 'mongodb'
import {
  checkoutTimeoutMs,
  connectionsMax,
  createMongoClient,
  databaseOf,
  runCommand,
  selectionTimeoutMs,
  watchReplication,
} from './client.ts'
import type { CommandOptions } from './client.ts'
import { isDuplicateKey, isResponse, isUnreachable, readError, writeError } from './error-class.ts'

const waitingMax = 2_000

/**
 * One database of MongoDB, whose server need not be available. A write that resolved is on the disks of a majority. Each
 * write changes one document, since nothing larger is atomic on every server.
 */
export type MongoConnection = {
  collection<T extends { _id: string }>(name: string): Collection<T>
  /** Reads one document by its id, with every write that was acknowledged before. */
  readLinearizable<R>(find: (options: LinearizableOptions) => Promise<R | null>): Promise<R | undefined>
  /** Reads what a majority has, which may not have the newest writes. */
  read<R>(query: (options: CommandOptions) => Promise<R>): Promise<R>
  /** Inserts a document; false when there is one with its id. */
  insert(command: (options: CommandOptions) => Promise<unknown>, deadline?: Deadline): Promise<boolean>
  /**
   * Runs one command that changes something. Rejects with `dependency_down` or `overloaded` when nothing was changed, and with
   * `outcome_unknown` when the response was lost. It is never retried here: if the first attempt was applied, its condition no
   * longer holds, and the retry would report that another write had won.
   */
  write<R>(command: (options: CommandOptions) => Promise<R>, deadline?: Deadline): Promise<R>
  /** The clock of the server, in milliseconds. */
  serverMs(): Promise<number>
  /** Rejects when the server does not respond, or when `check` does. */
  ping(): Promise<void>
  close(): Promise<void>
}

type LinearizableOptions = CommandOptions & {
  readonly readConcern: { readonly level: 'linearizable' | 'local' }
}

/** What a check of the database can use. */
export type UncheckedConnection = Pick<MongoConnection, 'collection' | 'readLinearizable' | 'read'>

type MongoOptions = {
  /** Rejects unless the database can be used. Every operation waits until it has succeeded once. */
  readonly check?: (connection: UncheckedConnection) => Promise<void>
  readonly durations?: OperationDurations | undefined
}

/** Opens the database that the path of the URL names; throws a ConfigError where it names none. */
export function openMongoConnection(
  url: string,
  { check = async () => {}, durations }: MongoOptions = {},
): MongoConnection {
  const client = createMongoClient(url)
  const isReplicated = watchReplication(client)
  const database = databaseOf(client)
  // The driver recovers from a failed first connection only if `connect` is called again.
  const connect = untilSuccess(() => client.connect())
  const collection = <T extends { _id: string }>(name: string) => database.collection<T>(name)
  const ensureChecked = untilSuccess(() => check({ collection, readLinearizable, read }))
  // As many as the pool has connections, so that a write does not wait for one after its deadline was checked.
  const server = createServerConnection({
    connectionsMax,
    waitingMax,
    connect,
    end: () => client.close(),
    isStatementError: isResponse,
    isUnreachable,
    unavailable: readError,
  })

  const readNow = <R>(query: (options: CommandOptions) => Promise<R>) =>
    withDatabaseSpan('mongodb', 'read', () => server.use(() => runCommand(query)))
  const timedRead: typeof readNow = durations?.timed('read', readNow) ?? readNow
  const writeNow = <R>(command: (options: CommandOptions) => Promise<R>, deadline: Deadline) =>
    withDatabaseSpan('mongodb', 'write', () =>
      server.use(() => {
        refuseLate(deadline)
        return runCommand(command)
      }),
    )
  const timedWrite: typeof writeNow = durations?.timed('write', writeNow) ?? writeNow

  async function read<R>(query: (options: CommandOptions) => Promise<R>): Promise<R> {
    try {
      return await timedRead(query)
    } catch (error) {
      throw readError(error)
    }
  }

  /**
   * Linearizable on a replica set: with majority, a former primary that is cut off and has not noticed the election of
   * another would still return the state from before newer writes. A standalone server has one state.
   */
  async function readLinearizable<R>(
    find: (options: LinearizableOptions) => Promise<R | null>,
  ): Promise<R | undefined> {
    const found = await read((options) => {
      const level = isReplicated() ? ('linearizable' as const) : ('local' as const)
      return find({ ...options, readConcern: { level } })
    })
    return found ?? undefined
  }

  async function write<R>(
    command: (options: CommandOptions) => Promise<R>,
    deadline: Deadline = {},
  ): Promise<R> {
    await ensureChecked()
    try {
      return await timedWrite(command, deadline)
    } catch (error) {
      throw writeError(error)
    }
  }

  return {
    collection,
    async readLinearizable(find) {
      await ensureChecked()
      return readLinearizable(find)
    },
    async read(query) {
      await ensureChecked()
      return read(query)
    },
    async insert(command, deadline) {
      try {
        await write(command, deadline)
        return true
      } catch (error) {
        if (isDuplicateKey(error)) return false
        throw error
      }
    },
    write,
    async serverMs() {
      const { localTime } = await read((options) => database.command({ hello: 1, ...options }))
      return Number(localTime)
    },
    async ping() {
      await read((options) => database.command({ ping: 1, ...options }))
      await ensureChecked()
    },
    close: server.close,
  }
}

/** The server cannot check a deadline of this process's clock, so it must include the time that the driver may wait to send. */
function refuseLate({ before = Number.POSITIVE_INFINITY }: Deadline): void {
  if (performance.now() >= before - selectionTimeoutMs - checkoutTimeoutMs)
    throw new AppError('overloaded', 'The write was too late for its deadline and was not made.')
}

/** Runs the work until it has succeeded once; those who wait at the same time share an attempt. */
function untilSuccess(work: () => Promise<unknown>): () => Promise<void> {
  let isDone = false
  let attempt: Promise<void> | undefined

  return () => {
    if (isDone) return Promise.resolve()
    attempt ??= work()
      .then(() => {
        isDone = true
      })
      .finally(() => {
        attempt = undefined
      })
    return attempt
  }
}

export type { Collection, Filter, UpdateFilter } from 'mongodb'
