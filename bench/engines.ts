import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { notHere, variableOf } from '@quintet/backends'
import type { EngineName } from '@quintet/backends'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'

const projectRoot = join(import.meta.dirname, '..')

/** The address of an engine, by the variables that `npm run backends -- env` prints; throws a sentence where it is not up. */
export function engine(name: EngineName): string {
  const reason = notHere(name)
  if (reason !== false) throw new Error(reason)
  return process.env[variableOf(name)] ?? ''
}

/** A PostgreSQL database of this name without anything in it. */
export async function freshPostgres(name: string): Promise<string> {
  const client = new pg.Client(engine('postgres'))
  await client.connect()
  try {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
    await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  return Object.assign(new URL(engine('postgres')), { pathname: `/${name}` }).href
}

/** A MySQL database of this name that is not there: migrating makes it, as it must compare texts. */
export async function freshMysql(name: string): Promise<string> {
  const connection = await createConnection(engine('mysql'))
  try {
    await connection.query(`drop database if exists ${connection.escapeId(name)}`)
  } finally {
    await connection.end()
  }
  return Object.assign(new URL(engine('mysql')), { pathname: `/${name}` }).href
}

/** Makes the tables of a service where the setting says. */
export async function migrate(service: string, settings: Record<string, string>): Promise<void> {
  const words = [join(projectRoot, 'quintet.ts'), 'migrate', 'up', service]
  await promisify(execFile)(process.execPath, words, {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, ...settings },
  })
}
