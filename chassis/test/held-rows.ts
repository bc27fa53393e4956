import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'

type Hold = { release(): Promise<void> }

/** Runs statements in a transaction on a connection of its own, as another process would, and holds their locks until it is released. */
export async function hold(t: TestContext, url: string, statements: readonly string[]): Promise<Hold> {
  const { execute, end } = await openSession(url)
  let ended: Promise<void> | undefined
  t.after(() => (ended ??= end()))
  for (const statement of statements) await execute(statement)
  return {
    async release() {
      await execute('commit')
      ended ??= end()
      await ended
    },
  }
}

/** A connection that executes statements; it may end at any time. */
export async function openSession(
  url: string,
): Promise<{ execute(statement: string): Promise<unknown>; end(): Promise<void> }> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length), { timeout: 5_000 })
    return { execute: async (statement) => database.exec(statement), end: async () => database.close() }
  }
  if (url.startsWith('postgres')) {
    const client = new pg.Client(url)
    client.on('error', () => {})
    await client.connect()
    return { execute: (statement) => client.query(statement), end: () => client.end() }
  }
  const connection = await createConnection(url)
  connection.on('error', () => {})
  return { execute: (statement) => connection.query(statement), end: () => connection.end() }
}
