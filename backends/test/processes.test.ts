import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { isRunning, start, stop } from '../src/processes.ts'
import type { Program } from '../src/processes.ts'

test('A started program runs until it is stopped, and a second start changes nothing', async (t) => {
  const { folder, program } = world(t, 'touch up; sleep 600')
  await start(program, folder)
  const id = readFileSync(join(folder, 'sleeper.pid'), 'utf8')
  await start(program, folder)
  assert.equal(readFileSync(join(folder, 'sleeper.pid'), 'utf8'), id)
  assert.equal(isRunning(program, folder), true)
  assert.equal(await stop(program, folder), true)
  assert.equal(isRunning(program, folder), false)
  assert.equal(await stop(program, folder), false)
})

test('The children of a program are killed with it', async (t) => {
  const { folder, program } = world(t, 'sleep 600 & echo $! > child; touch up; wait')
  await start(program, folder)
  const child = readFileSync(join(folder, 'child'), 'utf8').trim()
  assert.ok(existsSync(`/proc/${child}`))
  await stop(program, folder, 'SIGKILL')
  const status = existsSync(`/proc/${child}`) ? readFileSync(`/proc/${child}/status`, 'utf8') : 'State:\tZ'
  assert.match(status, /State:\tZ/)
})

test('A program that exits at once is started again', async (t) => {
  const { folder, program } = world(t, 'if [ -e tried ]; then touch up; sleep 600; fi; touch tried')
  await start(program, folder)
  assert.equal(isRunning(program, folder), true)
  await stop(program, folder)
})

test('A program that never starts is reported with the end of its log', async (t) => {
  const { folder, program } = world(t, 'echo first; echo "no space left" >&2; exit 1')
  await assert.rejects(
    start(program, folder),
    /^Error: sleeper ended instead of starting\.\n.*\n.*\n {2}no space left$/,
  )
})

test('A program that does not exist is reported', async (t) => {
  const { folder, program } = world(t, '')
  await assert.rejects(start({ ...program, command: '/nowhere/at-all' }, folder), /ENOENT/)
})

test('A process with the reused id of an earlier one is neither mistaken for it nor stopped', async (t) => {
  const { folder, program } = world(t, '')
  writeFileSync(join(folder, 'sleeper.pid'), `${process.pid} 1\n`)
  assert.equal(isRunning(program, folder), false)
  assert.equal(await stop(program, folder), false)
})

/** A shell script as a program, which is ready when the file `up` exists. */
function world(t: TestContext, script: string): { folder: string; program: Program } {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-processes-'))
  const program: Program = {
    name: 'sleeper',
    command: '/bin/sh',
    args: ['-c', script],
    ready: async () => assert.ok(existsSync(join(folder, 'up'))),
  }
  t.after(async () => {
    await stop(program, folder, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, program }
}
