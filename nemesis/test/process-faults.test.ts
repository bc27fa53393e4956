import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { exhaustedDescriptors, stalledDisk, stallSkipReason } from '../faults/process-faults.ts'

/** Opens a file and flushes it in the thread pool for each line that it reads; prints how many milliseconds it took, or the error. */
const program = `
  const { open } = require('node:fs/promises')
  process.stdin.on('data', async () => {
    const startedAt = performance.now()
    try {
      const file = await open(process.argv[1], 'w')
      await file.sync()
      await file.close()
      console.log(performance.now() - startedAt)
    } catch (error) {
      console.log(error.code)
    }
  })`

async function startProgram(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-process-'))
  const child = spawn(process.execPath, ['--eval', program, join(folder, 'file')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(async () => {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    rmSync(folder, { recursive: true })
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const flush = async () => {
    child.stdin.write('\n')
    return String((await lines.next()).value)
  }
  await flush()
  return { flush, ids: () => [child.pid ?? 0] }
}

test('While the disk stalls each flush takes longer, and afterwards no longer', {
  skip: stallSkipReason(),
}, async (t: TestContext) => {
  const { flush, ids } = await startProgram(t)
  const stall = stalledDisk(ids, 400)
  for (let times = 0; times < 2; times++) {
    await stall.begin()
    t.assert.ok(Number(await flush()) >= 400)
    await stall.end()
    t.assert.ok(Number(await flush()) < 400)
  }
})

test('While descriptors are exhausted a process can open nothing, and afterwards it can again', async (t: TestContext) => {
  const { flush, ids } = await startProgram(t)
  const exhausted = exhaustedDescriptors(ids)
  for (let times = 0; times < 2; times++) {
    await exhausted.begin()
    t.assert.equal(await flush(), 'EMFILE')
    await exhausted.end()
    t.assert.ok(Number(await flush()) > 0)
  }
})
