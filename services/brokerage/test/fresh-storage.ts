import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { migrateStorage } from '../src/storage.ts'

/**
 * The address of a storage of its own for a test: embedded, in a file, so that several may open it; or a table of the
 * DynamoDB at `TEST_DATABASE`, by which the tests of the service run on it as they are.
 */
export async function freshStorage(t: TestContext): Promise<string> {
  const server = process.env.TEST_DATABASE
  if (server !== undefined) return freshTable(t, server)
  const folder = mkdtempSync(join(tmpdir(), 'quintet-brokerage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'brokerage.db')}`
}

/** A table on this server, which goes when the test is over. */
export async function freshTable(t: TestContext, server: string): Promise<string> {
  const url = Object.assign(new URL(server), { pathname: `/test_${randomBytes(6).toString('hex')}` }).href
  await migrateStorage(url, 'up')
  t.after(() => migrateStorage(url, 'down'))
  return url
}
