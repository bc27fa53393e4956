import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

/** The engines that a run uses, by the variables that `npm run backends -- env` prints. */
export type EngineName = 'POSTGRES' | 'MYSQL' | 'MONGODB' | 'DYNAMODB' | 'REDIS' | 'AMQP' | 'KAFKA'

const projectRoot = join(import.meta.dirname, '..')

/** The address of an engine; throws a sentence where it is not up. */
export function engine(name: EngineName): string {
  const url = process.env[`ENGINE_${name}`]
  if (url) return url
  throw new Error(`ENGINE_${name} is not set: npm run backends -- up ${name.toLowerCase()}`)
}

/** A PostgreSQL database of this name without anything in it. */
export async function freshPostgres(name: string): Promise<string> {
  const client = new pg.Client(engine('POSTGRES'))
  await client.connect()
  try {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
    await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  return withPath(engine('POSTGRES'), name)
}

/** The same server, and what its path names there. */
export function withPath(url: string, path: string): string {
  const changed = new URL(url)
  changed.pathname = `/${path}`
  return changed.href
}

/** Makes the tables of a service where the setting says. */
export async function migrate(service: string, settings: Record<string, string>): Promise<void> {
  const words = [join(projectRoot, 'quintet.ts'), 'migrate', 'up', service]
  await promisify(execFile)(process.execPath, words, {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, ...settings },
  })
}
