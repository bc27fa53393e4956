import { randomBytes } from 'node:crypto'
import { nothingToRevert } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import { dependencyDown } from '@quintet/chassis/errors'
import { openMongoConnection } from './connection.ts'
import type { MongoConnection, UncheckedConnection } from './connection.ts'
import { collectionsOf, relayId } from './documents.ts'

const name = '0001-create-guid'

type Index = { readonly name: string; readonly key: Record<string, 1>; readonly sparse?: true }

/** A sparse index has only those documents that have one of its fields. */
const indexes = {
  guids: [
    { name: 'expire', key: { expire: 1, _id: 1 } },
    { name: 'user', key: { user: 1, expire: 1, _id: 1 } },
    { name: 'owner', key: { owner: 1, expire: 1, _id: 1 } },
    { name: 'due', key: { due: 1 }, sparse: true },
    { name: 'settle', key: { settleAt: 1 }, sparse: true },
    { name: 'dead', key: { deadSince: 1 }, sparse: true },
  ],
  operations: [
    { name: 'status', key: { status: 1, changedAt: 1 } },
    { name: 'due', key: { due: 1, order: 1 }, sparse: true },
    { name: 'settle', key: { settleAt: 1 }, sparse: true },
  ],
  idempotency: [{ name: 'created', key: { createdAt: 1 } }],
} as const satisfies Readonly<Record<string, readonly Index[]>>

const indexed = ['guids', 'operations', 'idempotency'] as const

/** Creates or drops the collections and their indexes, or lists their status; returns what it did. */
export async function migrateMongo(url: string, action: MigrationAction): Promise<string[]> {
  const connection = openMongoConnection(url)
  try {
    if (action === 'down') {
      await drop(connection)
      return [name]
    }
    const isApplied = await isUpToDate(connection)
    if (action === 'status') return [`${name} ${isApplied ? 'applied' : 'pending'}`]
    if (isApplied) return []
    await create(connection)
    return [name]
  } finally {
    await connection.close()
  }
}

/** Rejects when `quintet migrate up` must be run before the service can use the database. */
export async function checkMigrations(connection: UncheckedConnection): Promise<void> {
  if (!(await isUpToDate(connection)))
    throw dependencyDown(`The collections are not up to date (${name}): run quintet migrate up.`)
}

async function isUpToDate(connection: UncheckedConnection): Promise<boolean> {
  for (const one of indexed) if ((await missingOf(connection, one)).length > 0) return false
  return isCreated(connection)
}

/** Whether the relay's lease is there, which is created last, and dropped with the first collection. */
async function isCreated(connection: UncheckedConnection): Promise<boolean> {
  const { control } = collectionsOf(connection)
  return (
    (await connection.readLinearizable((options) => control.findOne({ _id: relayId }, options))) !== undefined
  )
}

/** Compared by name, since some servers fail when an index is created a second time. */
async function missingOf(
  connection: UncheckedConnection,
  one: (typeof indexed)[number],
): Promise<readonly Index[]> {
  const there = await indexNames(connection, one)
  return indexes[one].filter((index) => !there.has(index.name))
}

/** None where the collection does not exist, since each has an index of its ids. */
function indexNames(
  connection: UncheckedConnection,
  one: (typeof indexed)[number] | 'control',
): Promise<Set<string>> {
  return connection.read(async () => {
    const found = await collectionsOf(connection)[one].listIndexes().toArray().catch(noneWithoutCollection)
    return new Set(found.map((index) => String(index.name)))
  })
}

const namespaceNotFound = 26

function noneWithoutCollection(error: unknown): { name?: unknown }[] {
  if (error instanceof Error && 'code' in error && error.code === namespaceNotFound) return []
  throw error
}

async function create(connection: MongoConnection): Promise<void> {
  const collections = collectionsOf(connection)
  // Without the time limit of commands, which a large collection exceeds.
  for (const one of indexed)
    for (const { key, ...options } of await missingOf(connection, one))
      await connection.write(() => collections[one].createIndex(key, options))
  const lease = { source: randomBytes(8).toString('hex'), holder: null, leaseUntil: 0 }
  await connection.insert((options) => collections.control.insertOne({ _id: relayId, ...lease }, options))
}

/** Drops the collections that there are, which are some of them where an earlier run was interrupted. */
async function drop(connection: MongoConnection): Promise<void> {
  const collections = collectionsOf(connection)
  let isDone = false
  for (const one of ['control', ...indexed] as const) {
    if ((await indexNames(connection, one)).size === 0) continue
    await connection.write(() => collections[one].drop())
    isDone = true
  }
  if (!isDone) throw nothingToRevert(`collection ${collections.guids.namespace}`)
}
