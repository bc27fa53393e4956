import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { migrateStorage } from '../src/storage.ts'

/**
 * The URL of a private storage for a test: a SQLite file, which several apps may open, or a table of the DynamoDB at
 * `TEST_DATABASE`.
 */
export async function freshStorage(t: TestContext): Promise<string> {
  const server = process.env.TEST_DATABASE
  if (server !== undefined) return freshTable(t, server)
  const folder = mkdtempSync(join(tmpdir(), 'quintet-brokerage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'brokerage.db')}`
}

/** A private table on this server, deleted after the test. */
export async function freshTable(t: TestContext, server: string): Promise<string> {
  const url = Object.assign(new URL(server), { pathname: `/test_${randomBytes(6).toString('hex')}` }).href
  await migrateStorage(url, 'up')
  t.after(() => migrateStorage(url, 'down'))
  return url
}
