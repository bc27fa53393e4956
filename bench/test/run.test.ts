import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const command = join(root, 'bench/run.ts')
const hasRepository = existsSync(join(root, '.git'))

test('Bad arguments end with a sentence, the usage and exit code 1', () => {
  const { status, stderr } = spawnSync(process.execPath, [command, '--rounds', 'x'], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /^--rounds must be a whole number from 1 up\.\n\nUsage: /)
})

test('A commit that does not exist ends with a sentence and exit code 1', (t) => {
  if (!hasRepository) return t.skip('needs the repository')
  const { status, stderr } = spawnSync(process.execPath, [command, '--against', 'nonsense'], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /^"nonsense" is not a commit of this repository\.$/m)
})
