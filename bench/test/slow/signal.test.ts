import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { hasProc, treeOf } from '../../process-tree.ts'

const root = join(import.meta.dirname, '../../..')
const command = join(root, 'bench/run.ts')
const waitMsMax = 120_000
const pollMs = 20
const hasRepository = existsSync(join(root, '.git'))

test('A signal ends a comparison without leaving a process or a worktree behind', async (t) => {
  if (!hasProc || !hasRepository) return t.skip('needs /proc and the repository')
  const temporary = mkdtempSync(join(realpathSync(tmpdir()), 'quintet-signal-'))
  t.after(() => rmSync(temporary, { recursive: true, force: true }))
  const args = [command, '--against', 'HEAD', '--only', 'floor', '--seconds', '60']
  const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  // The benchmark, a server of each side, and the load generator.
  const tree = await processesOf(child.pid ?? 0, 4)
  assert.equal(worktreesIn(temporary).length, 1)
  child.kill('SIGINT')
  assert.deepEqual(await exited, [1, null])
  // A killed process remains in /proc until it has been reaped.
  await until(() => !tree.some((pid) => existsSync(`/proc/${pid}`)))
  assert.deepEqual(worktreesIn(temporary), [])
  assert.deepEqual(
    readdirSync(temporary).filter((name) => name.startsWith('quintet-base-')),
    [],
  )
})

for (const [args, started] of [
  [['--scale', '--rows', '11k', '--seconds', '60'], 'round 1 of'],
  [['--soak', '60s'], ' req/s, '],
] as const)
  test(`A signal ends ${args[0]} without leaving a process or a file behind`, async (t) => {
    if (!hasProc) return t.skip('needs /proc')
    const data = join(root, 'data')
    mkdirSync(data, { recursive: true })
    const before = readdirSync(data)
    const env = { ...process.env, ENGINE_POSTGRES: '' }
    const child = spawn(process.execPath, [command, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    for await (const text of child.stderr.setEncoding('utf8')) if (String(text).includes(started)) break
    // The benchmark and a server.
    const tree = await processesOf(child.pid ?? 0, 2)
    child.kill('SIGINT')
    assert.deepEqual(await exited, [1, null])
    await until(() => !tree.some((pid) => existsSync(`/proc/${pid}`)))
    assert.deepEqual(readdirSync(data), before)
  })

async function processesOf(pid: number, count: number): Promise<number[]> {
  await until(() => treeOf([pid]).length >= count)
  return treeOf([pid])
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = performance.now() + waitMsMax; !isTrue(); await setTimeout(pollMs))
    if (performance.now() > deadline) throw new Error('It did not happen in time.')
}

function worktreesIn(directory: string): string[] {
  const list = execFileSync('git', ['worktree', 'list', '--porcelain'], { cwd: root, encoding: 'utf8' })
  return list.split('\n').filter((line) => line.startsWith(`worktree ${directory}`))
}
