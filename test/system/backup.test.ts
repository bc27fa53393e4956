import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { quintet, worldWithBackup } from './backup-world.ts'
import { call, run } from './processes.ts'

test('A backup of a running system restores into an empty folder, with the key, for its owner only', async (t) => {
  const { folder, DATA_DIR, backup } = await worldWithBackup(t)
  assert.match(backup.output, /is whole.*\n/)
  assert.ok(backup.output.includes(`\nDATA_DIR is ${DATA_DIR}.\n`))
  assert.match(backup.output, /It holds secrets \(certificates\.key\)/)
  assert.deepEqual(readdirSync(folder).sort(), ['backup', 'data'])
  const files = readdirSync(join(folder, 'backup'))
  assert.ok(files.includes('certificates.key') && !files.some((file) => file.endsWith('-wal')))
  assert.equal(statSync(join(folder, 'backup')).mode & 0o777, 0o700)
  for (const file of files) assert.equal(statSync(join(folder, 'backup', file)).mode & 0o777, 0o600)

  const restored = { DATA_DIR: join(folder, 'restored') }
  const restoring = await quintet(t, ['restore', join(folder, 'backup')], restored)
  assert.equal(restoring.code, 0)
  assert.ok(restoring.output.includes(`\nDATA_DIR is ${restored.DATA_DIR}.\n`))
  const key = (data: string) => readFileSync(join(data, 'certificates.key'), 'utf8')
  assert.equal(key(restored.DATA_DIR), key(DATA_DIR))
  const gateway = await run(t, ['quintet.ts', 'start'], restored).address('gateway')
  assert.equal(Object((await call('GET', `${gateway}/api/movies/1`))?.body).title, 'before')
})
