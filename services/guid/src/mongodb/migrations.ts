import { randomBytes } from 'node:crypto'
import type { MigrationAction } from '@quintet/chassis/database'
import { openMongoConnection } from './connection.ts'
import type { MongoConnection, UncheckedConnection } from './connection.ts'
import { dependencyDown } from '@quintet/chassis/errors'
import { collectionsOf, relayId } from './documents.ts'

const name = '0001-create-guid'

type Index = { readonly name: string; readonly key: Record<string, 1>; readonly sparse?: true }

/** What is looked for other than by id. A sparse index has only those documents that have one of its members. */
const indexes = {
  guids: [
    { name: 'expire', key: { expire: 1, _id: 1 } },
    { name: 'user', key: { user: 1, expire: 1, _id: 1 } },
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

/** Makes, takes away or looks at the collections and their indexes; gives what it did, or how it stands. */
export async function migrateMongo(url: string, action: MigrationAction): Promise<string[]> {
  const link = openMongoConnection(url)
  try {
    const isApplied = await isUpToDate(link)
    if (action === 'status') return [`${name} ${isApplied ? 'applied' : 'pending'}`]
    if (action === 'up') {
      if (isApplied) return []
      await create(link)
    } else {
      if (!(await isAnythingThere(link))) return []
      await drop(link)
    }
    return [name]
  } finally {
    await link.close()
  }
}

/** For a service before it uses the database: rejects when `quintet migrate up` is to be run first. */
export async function checkMigrations(link: UncheckedConnection): Promise<void> {
  if (!(await isUpToDate(link)))
    throw dependencyDown(`The collections are not up to date (${name}): run quintet migrate up.`)
}

async function isUpToDate(link: UncheckedConnection): Promise<boolean> {
  for (const one of indexed) if ((await missingOf(link, one)).length > 0) return false
  return isAnythingThere(link)
}

/** The lease of the relay is made last and dropped first. */
async function isAnythingThere(link: UncheckedConnection): Promise<boolean> {
  const { control } = collectionsOf(link)
  return (await link.newest((options) => control.findOne({ _id: relayId }, options))) !== undefined
}

/** Asked for by name: a server may not bear to be given an index a second time. */
async function missingOf(
  link: UncheckedConnection,
  one: (typeof indexed)[number],
): Promise<readonly Index[]> {
  const there = await link.read(async () => {
    const found = await collectionsOf(link)[one].listIndexes().toArray().catch(noneWithoutCollection)
    return new Set(found.map((index) => String(index.name)))
  })
  return indexes[one].filter((index) => !there.has(index.name))
}

const namespaceNotFound = 26

function noneWithoutCollection(error: unknown): { name?: unknown }[] {
  if (error instanceof Error && 'code' in error && error.code === namespaceNotFound) return []
  throw error
}

async function create(link: MongoConnection): Promise<void> {
  const collections = collectionsOf(link)
  // A collection that is not empty takes longer than a command may.
  for (const one of indexed)
    for (const { key, ...options } of await missingOf(link, one))
      await link.write(() => collections[one].createIndex(key, options))
  const lease = { source: randomBytes(8).toString('hex'), holder: null, leaseUntil: 0 }
  await link.insert((limits) => collections.control.insertOne({ _id: relayId, ...lease }, limits))
}

async function drop(link: MongoConnection): Promise<void> {
  const collections = collectionsOf(link)
  for (const one of ['control', ...indexed] as const) await link.write(() => collections[one].drop())
}
