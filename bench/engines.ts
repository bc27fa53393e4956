import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { skipReason, variableOf } from '@quintet/backends'
import type { EngineName } from '@quintet/backends'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { Checkout } from './checkout.ts'
import { dropOnExit } from './drop-on-exit.ts'
import { killOnExit } from './kill-on-exit.ts'

/** The URL of an engine, from the variables that `npm run backends -- env` prints. Throws if the engine is not up. */
export function engine(name: EngineName): string {
  const reason = skipReason(name)
  if (reason !== false) throw new Error(reason)
  return process.env[variableOf(name)] ?? ''
}

/** Creates a PostgreSQL database of this name, a copy of `template` or empty, until this process exits, and returns its URL. */
export async function freshPostgres(name: string, template = 'template1'): Promise<string> {
  dropOnExit({ engine: 'postgres', url: engine('postgres'), name })
  const client = new pg.Client(engine('postgres'))
  await client.connect()
  try {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
    await client.query(
      `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)}`,
    )
  } finally {
    await client.end()
  }
  return Object.assign(new URL(engine('postgres')), { pathname: `/${name}` }).href
}

/**
 * Drops the MySQL database of this name, now and when this process exits, and returns its URL; the migration creates it with the
 * collation it needs.
 */
export async function freshMysql(name: string): Promise<string> {
  dropOnExit({ engine: 'mysql', url: engine('mysql'), name })
  const connection = await createConnection(engine('mysql'))
  try {
    await connection.query(`drop database if exists ${connection.escapeId(name)}`)
  } finally {
    await connection.end()
  }
  return Object.assign(new URL(engine('mysql')), { pathname: `/${name}` }).href
}

/** Creates the tables of a checkout's service in the database that `settings` name. */
export async function migrate(
  service: string,
  settings: Record<string, string>,
  { directory, node }: Checkout,
): Promise<void> {
  const running = promisify(execFile)(node, ['quintet.ts', 'migrate', 'up', service], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...settings },
  })
  killOnExit(running.child)
  await running
}
