import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { skipReason, variableOf } from '@quintet/backends'
import type { EngineName } from '@quintet/backends'
import { migrateDatabase } from '@quintet/chassis/database'

/** What was made on servers, to be dropped when all tests of the file are over and have closed what they opened. */
const made: { server: string; name: string }[] = []
after(() => Promise.all(made.map(drop)))

/**
 * A database of its own for a test, with its tables: embedded, or on the server at `TEST_DATABASE`, by which the tests of a
 * service run on an engine as they are. The tables are those of a folder of migrations, or made by the service itself.
 */
export async function freshDatabase(migrate: URL | ((url: string) => Promise<unknown>)): Promise<string> {
  const server = process.env.TEST_DATABASE
  if (server === undefined) return 'sqlite::memory:'
  const url = freshDatabaseOn(server)
  if (migrate instanceof URL) await migrateDatabase(url, { migrations: migrate }, 'up')
  else await migrate(url)
  return url
}

/** The address of one that is not made yet. */
export function freshDatabaseOn(server: string): string {
  const name = `test_${randomBytes(6).toString('hex')}`
  made.push({ server, name })
  return Object.assign(new URL(server), { pathname: `/${name}` }).href
}

/** The address of an embedded one that is not made yet, in a folder of the test's own. */
export function createFileUrl(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-database-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return `sqlite:${join(folder, 'data', 'test.db')}`
}

/** Drivers are loaded here, since loading them takes longer than most test files, of which hardly any needs one. */
async function drop({ server, name }: { server: string; name: string }): Promise<void> {
  if (server.startsWith('mongodb:')) return dropOnMongo(server, name)
  if (!server.startsWith('postgres')) return dropOnMysql(server, name)
  const { default: pg } = await import('pg')
  const client = new pg.Client(server)
  await client.connect()
  const statement = `drop database if exists ${client.escapeIdentifier(name)}`
  try {
    // Where the server is vacuuming the database, only a superuser may force that to end; without force the server ends it itself.
    await client.query(`${statement} with (force)`).catch(() => client.query(statement))
  } finally {
    await client.end()
  }
}

async function dropOnMysql(server: string, name: string): Promise<void> {
  const { createConnection } = await import('mysql2/promise')
  const connection = await createConnection(server)
  await connection.query(`drop database if exists ${connection.escapeId(name)}`)
  await connection.end()
}

async function dropOnMongo(server: string, name: string): Promise<void> {
  const { MongoClient } = await import('mongodb')
  const client = new MongoClient(server, { retryWrites: false })
  await client.db(name).dropDatabase()
  await client.close()
}

/** The address of an engine that is here; where it is not, a test says so by being skipped under its name. */
export function engineUrl(name: EngineName): string | undefined {
  const reason = skipReason(name)
  if (reason === false) return process.env[variableOf(name)]
  test(reason, { skip: true }, () => {})
  return undefined
}

/** Waits for an event that shows itself only in a state; the deadline is there to make a failure a failure. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 40_000): Promise<void> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += 5) {
    if (await condition()) return
    await pause(5)
  }
  throw new Error(`It never came to pass: ${condition}`)
}
