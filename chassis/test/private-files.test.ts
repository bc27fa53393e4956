import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { restrictFile, restrictFolder } from '@quintet/chassis/files'

const skip = process.platform === 'win32' && 'Windows has no such modes'

test('A folder of data is restricted to its owner; a shared one, and one above the current folder, stay as they are', {
  skip,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-modes-'))
  const current = process.cwd()
  t.after(() => {
    process.chdir(current)
    rmSync(folder, { recursive: true })
  })
  const data = join(folder, 'data')
  const shared = join(folder, 'shared')
  const above = join(folder, 'above')
  for (const path of [data, shared, join(above, 'current')]) mkdirSync(path, { recursive: true })
  process.chdir(join(above, 'current'))
  const modeAfter = (path: string, mode = 0o755) => {
    chmodSync(path, mode)
    restrictFolder(path)
    return statSync(path).mode & 0o7777
  }
  assert.equal(modeAfter(data), 0o700)
  assert.equal(modeAfter(shared, 0o1777), 0o1777)
  assert.equal(modeAfter(above), 0o755)
  assert.equal(modeAfter('.'), 0o755)
  assert.doesNotThrow(() => restrictFolder(join(folder, 'missing')))
  assert.doesNotThrow(() => restrictFile(join(folder, 'missing')))
})

/** Runs a command where it may mount file systems, which nobody else sees. */
function runWithMounts(...command: readonly string[]) {
  return spawnSync('unshare', ['--map-root-user', '--mount', ...command], { encoding: 'utf8' })
}

test('A folder whose rights its file system does not let change stays as it is', {
  skip: runWithMounts('true').status !== 0 && 'This user may not mount file systems',
}, () => {
  const script = `
    const { restrictFolder } = await import('${import.meta.resolve('@quintet/chassis/files')}')
    const { statSync } = await import('node:fs')
    for (const path of ['/proc/self/task', '/mnt']) restrictFolder(path)
    console.log((statSync('/mnt').mode & 0o777).toString(8))`
  const { stdout, stderr } = runWithMounts(
    'sh',
    '-c',
    'mount -t tmpfs -o mode=755 none /mnt && mount -o remount,ro /mnt && exec "$0" --input-type=module --eval "$1"',
    process.execPath,
    script,
  )
  assert.equal(stderr, '')
  assert.equal(stdout, '755\n')
})
