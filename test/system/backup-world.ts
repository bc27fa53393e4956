import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { call, dataFolder, run } from './processes.ts'

/** A running system with a row in every database, and a backup of it. */
export async function worldWithBackup(t: TestContext) {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  const system = run(t, ['quintet.ts', 'start'], { DATA_DIR })
  const gateway = await system.address('gateway')
  await call('POST', `${gateway}/api/movies`, { title: 'before', description: '' })
  await call('POST', `${gateway}/accounts`, { cash: 1 })
  await call('POST', `${gateway}/guid`, { user: 'ada' })
  await call('POST', `${gateway}/users`, { name: 'Ada', email: 'ada@example.com', password: 'x' })
  const certificate = { private_key: 'YQ==', active: true, body: 'a certificate' }
  assert.equal((await call('POST', `${gateway}/users/1/certificates`, certificate))?.status, 201)
  const backup = await quintet(t, ['backup', join(folder, 'backup')], { DATA_DIR })
  assert.equal(backup.code, 0, backup.output)
  return { folder, DATA_DIR, system, gateway, inventory: await system.address('inventory'), backup }
}

/** Runs `quintet` to its end. */
export async function quintet(t: TestContext, words: readonly string[], environment: Record<string, string>) {
  const command = run(t, ['quintet.ts', ...words], environment)
  await once(command.child, 'close')
  return { code: command.child.exitCode, output: command.output() }
}
