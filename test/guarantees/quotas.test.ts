import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { dataFolder, run } from '../system/processes.ts'

const quota = 4_000
const block = quota / 100
const kills = 20
const rounds = 5

test('A quota whose processes are killed 20 times amid spending is never exceeded, and short by one block for each kill at most', async (t) => {
  const folder = dataFolder(t)
  const [url, file] = [`sqlite:${join(folder, 'quota.db')}`, join(folder, 'spent')]
  const spent = () => (existsSync(file) ? statSync(file).size : 0)
  const spend = () => run(t, ['test/guarantees/quota-spender.ts', url, file, String(quota)], {})
  for (let round = 0; round < rounds; round++) {
    const children = Array.from({ length: kills / rounds }, spend)
    const until = spent() + 1 + Math.floor(Math.random() * 8 * block)
    while (spent() < until) await pause(1)
    await Promise.all(children.map((child) => child.kill('SIGKILL')))
  }
  const killed = spent()
  assert.ok(killed < quota, `${killed} were spent before the last kill`)
  const last = spend()
  await new Promise((resolve) => last.child.once('exit', resolve))
  assert.equal(last.child.exitCode, 0, last.output())
  assert.ok(spent() <= quota, `${spent()} of ${quota} were spent`)
  assert.ok(spent() >= quota - kills * block, `${spent()} of ${quota} were spent`)
  assert.ok(spent() > killed)
})
