import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createKeyFile, createPrivateFile, createPrivateFolder } from '../src/files/index.ts'

const user = 65_534
const needsRoot = { skip: process.getuid?.() !== 0 && 'only root can give files away' }

function folderOfUser(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-owner-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chownSync(folder, user, user)
  return folder
}

test('What root creates in the folder of a user belongs to that user', needsRoot, (t) => {
  const folder = folderOfUser(t)
  createPrivateFolder(join(folder, 'a', 'b'))
  createPrivateFile(join(folder, 'a', 'b', 'file'))
  createKeyFile(join(folder, 'a', 'b', 'key'))
  for (const path of ['a', 'a/b', 'a/b/file', 'a/b/key'])
    assert.equal(statSync(join(folder, path)).uid, user, path)
})

test('Root gives away no file that existed, and none behind a link', needsRoot, (t) => {
  const [folder, elsewhere] = [folderOfUser(t), mkdtempSync(join(tmpdir(), 'quintet-root-'))]
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }))
  writeFileSync(join(folder, 'old'), '')
  symlinkSync(join(elsewhere, 'new'), join(folder, 'link'))
  for (const name of ['old', 'link']) createPrivateFile(join(folder, name))
  assert.equal(statSync(join(folder, 'old')).uid, 0)
  assert.ok(existsSync(join(elsewhere, 'new')))
  assert.equal(lstatSync(join(elsewhere, 'new')).uid, 0)
})

/** What is in the way of a start by the user on these database files. */
function faultsForUser(paths: readonly string[]): string[] {
  const program = `
    process.setgid(${user}); process.setuid(${user})
    process.stdout.write(JSON.stringify(databaseFileFaults(${JSON.stringify(paths.map((path) => `sqlite:${path}`))})))`
  const module = new URL('../src/database/index.ts', import.meta.url).href
  const source = `import { databaseFileFaults } from '${module}'\n${program}`
  const words = ['--input-type=module', '-e', source]
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }))
}

test('Each database file of another user is named before a start, with whose it is', needsRoot, (t) => {
  const folder = folderOfUser(t)
  const paths = ['guid.db', 'queue.db', 'mine.db'].map((name) => join(folder, name))
  for (const path of paths) writeFileSync(path, '', { mode: 0o600 })
  chownSync(join(folder, 'mine.db'), user, user)
  const faults = faultsForUser(paths)
  assert.equal(faults.length, 2)
  for (const [index, name] of ['guid.db', 'queue.db'].entries())
    assert.match(
      faults[index] ?? '',
      new RegExp(
        `/${name} cannot be written: \\S+/${name} belongs to root, and this process runs as the user ${user}: give it to`,
      ),
    )
})

test(
  'Each file that goes with a database is named before a start where it is of another user',
  needsRoot,
  (t) => {
    const folder = folderOfUser(t)
    mkdirSync(join(folder, 'locks'))
    chownSync(join(folder, 'locks'), user, user)
    const companions = [
      'NAME-wal',
      'NAME-shm',
      'NAME-journal',
      'locks/NAME-gate',
      'locks/NAME-members',
      'locks/NAME-wanted',
    ]
    const pairs = companions.map((companion, i) => ({
      path: join(folder, `${i}.db`),
      companion: join(folder, companion.replace('NAME', `${i}.db`)),
    }))
    for (const { path, companion } of pairs) {
      writeFileSync(path, '')
      chownSync(path, user, user)
      writeFileSync(companion, '', { mode: 0o600 })
    }
    const faults = faultsForUser(pairs.map(({ path }) => path))
    for (const [i, { path, companion }] of pairs.entries())
      assert.ok(
        faults[i]?.startsWith(`The database file ${path} cannot be written: ${companion} belongs to root,`),
        String(faults[i]),
      )
  },
)
