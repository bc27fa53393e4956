import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { createShiftedClock, jumpingClock } from '../faults/clock-faults.ts'

const hourMs = 3_600_000

/** Prints how far its clocks are ahead of the machine's, in a worker thread as well, whenever it reads a line. */
const program = `
  const { Worker, isMainThread } = require('node:worker_threads')
  const machine = Number(process.hrtime.bigint() / 1_000_000n)
  const dates = () => [Date.now(), new Date().getTime(), Date.parse(new Date().toISOString())]
  const script = 'const { parentPort } = require("node:worker_threads"); parentPort.on("message", () => parentPort.postMessage(Date.now()))'
  const worker = new Worker(script, { eval: true })
  process.stdin.on('data', () => {
    worker.once('message', (inWorker) =>
      console.log(JSON.stringify({ dates: [...dates(), inWorker], fixed: new Date(5).getTime(), isDate: new Date() instanceof Date })),
    )
    worker.postMessage('')
  })`

test('The clock of a process differs from that of the machine in all of its threads, jumps, and jumps back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-clock-'))
  const clock = createShiftedClock(join(folder, 'clock'), -hourMs)
  const child = spawn(process.execPath, ['--eval', program], {
    env: { PATH: process.env.PATH, ...clock.environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => {
    child.kill()
    rmSync(folder, { recursive: true })
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const hoursAhead = async () => {
    child.stdin.write('\n')
    const { value } = await lines.next()
    const { dates, fixed, isDate } = JSON.parse(String(value))
    t.assert.deepEqual([fixed, isDate], [5, true])
    return dates.map((ms: number) => Math.round((ms - Date.now()) / hourMs))
  }
  t.assert.deepEqual(await hoursAhead(), [-1, -1, -1, -1])
  const jump = jumpingClock(clock, 2 * hourMs)
  await jump.begin()
  t.assert.deepEqual(await hoursAhead(), [2, 2, 2, 2])
  await jump.end()
  t.assert.deepEqual(await hoursAhead(), [0, 0, 0, 0])
})
