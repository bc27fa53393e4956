import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { checkOutBase } from '../against/base-checkout.ts'
import { rowNamesOf, skipReason } from '../against/base-rows.ts'
import { nodeFlagsOf } from '../checkout.ts'
import type { ServerProcess } from '../servers.ts'

test('The flags of Node come from the start script', () => {
  assert.deepEqual(nodeFlagsOf('node --a=1 --b quintet.ts start'), ['--a=1', '--b'])
  assert.deepEqual(nodeFlagsOf('node quintet.ts start --later'), [])
})

test('The base has the files of its commit, its own workspaces and the packages of the current checkout', async (t) => {
  const repository = createRepository(t)
  const base = await checkOutBase(repository, 'HEAD', () => {})
  t.after(base.remove)
  assert.equal(base.subject, 'first')
  assert.deepEqual(base.nodeFlags, ['--base-flag'])
  assert.equal(readFileSync(join(base.directory, 'node_modules/@own/lib/value.txt'), 'utf8'), 'committed')
  assert.equal(readFileSync(join(base.directory, 'lib/node_modules/deep/value.txt'), 'utf8'), 'deep')
  assert.equal(
    realpathSync(join(base.directory, 'node_modules/@scope/package')),
    join(repository, 'node_modules/@scope/package'),
  )
})

test('Removing the base leaves no worktree and no directory', async (t) => {
  const repository = createRepository(t)
  const base = await checkOutBase(repository, 'HEAD', () => {})
  assert.equal(worktreesOf(repository).length, 2)
  base.remove()
  assert.equal(worktreesOf(repository).length, 1)
  assert.ok(!existsSync(dirname(base.directory)))
  assert.ok(existsSync(join(repository, 'node_modules/@scope/package/value.txt')))
})

test('A base that cannot be installed leaves no worktree either', async (t) => {
  const repository = createRepository(t)
  writeFileSync(join(repository, 'package-lock.json'), 'not what npm can read')
  git(repository, 'commit', '--quiet', '--all', '--message', 'broken')
  writeFileSync(join(repository, 'package-lock.json'), '{}')
  await assert.rejects(
    checkOutBase(repository, 'HEAD', () => {}),
    /npm ci failed in the base checkout/,
  )
  assert.equal(worktreesOf(repository).length, 1)
})

test('What is not a commit is refused with its name', async (t) => {
  const repository = createRepository(t)
  for (const revision of ['nonsense', '--help', ''])
    await assert.rejects(
      checkOutBase(repository, revision, () => {}),
      new RegExp(`"${revision}" is not a commit of this repository`),
    )
})

test('A row is skipped if the base lacks its file or no file of a checkout takes part', async (t) => {
  const repository = createRepository(t)
  const base = await checkOutBase(repository, 'HEAD', () => {})
  t.after(base.remove)
  const rowOf = (name: string, script: string) => {
    const process: ServerProcess = { script, ports: ['PORT'], core: 'server' }
    return { name, processes: [process], workload: { requests: [] } }
  }
  assert.equal(skipReason(rowOf('old', 'lib/value.txt'), base), undefined)
  assert.equal(
    skipReason(rowOf('new', 'lib/new.ts'), base),
    'only in this checkout: the base has no lib/new.ts',
  )
  assert.equal(skipReason(rowOf('bare', '/bare.ts'), base), 'the same code on both sides')
  assert.equal(skipReason(rowOf('floor', '/bare.ts'), base), undefined)
})

test('The names of the rows of the base are read from its own benchmark, where it has one', async (t) => {
  const repository = createRepository(t)
  const read = async () => {
    const base = await checkOutBase(repository, 'HEAD', () => {})
    t.after(base.remove)
    return rowNamesOf(base)
  }
  assert.deepEqual(await read(), [])
  write(repository, { 'bench/rows.ts': 'export const rows: { name: string }[] = [{ name: "former" }]' })
  git(repository, 'add', '--all')
  git(repository, 'commit', '--quiet', '--message', 'rows')
  assert.deepEqual(await read(), ['former'])
})

/** A repository with a workspace, a package, and a package of the workspace alone; the workspace has changed since its commit. */
function createRepository(t: TestContext): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'quintet-repository-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  write(directory, {
    'package.json': '{ "type": "module", "scripts": { "start": "node --base-flag main.ts" } }',
    'package-lock.json': '{}',
    '.gitignore': 'node_modules',
    'lib/value.txt': 'committed',
    'node_modules/@scope/package/value.txt': 'package',
    'lib/node_modules/deep/value.txt': 'deep',
  })
  mkdirSync(join(directory, 'node_modules/@own'))
  symlinkSync('../../lib', join(directory, 'node_modules/@own/lib'))
  git(directory, 'init', '--quiet')
  git(directory, 'config', 'user.name', 'test')
  git(directory, 'config', 'user.email', 'test@example.com')
  git(directory, 'add', '--all')
  git(directory, 'commit', '--quiet', '--message', 'first')
  write(directory, { 'lib/value.txt': 'changed' })
  return directory
}

function write(directory: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
}

function worktreesOf(repository: string): string[] {
  return git(repository, 'worktree', 'list').trim().split('\n')
}

function git(directory: string, ...args: string[]): string {
  return execFileSync('git', ['-C', directory, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
