import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openTelemetryFile } from '@quintet/chassis/telemetry/file'
import { temporaryFolder } from './temporary-folder.ts'

/** Writes traces until it is killed, and prints how many it has written. */
const program = `
  const [path, first] = process.argv.slice(1)
  const { openTelemetryFile } = await import(${JSON.stringify(new URL('../src/telemetry/file.ts', import.meta.url).href)})
  const file = openTelemetryFile(path, { bytesMax: 20_000_000, now: Date.now })
  for (let i = Number(first); ; i += 1) {
    const traceId = i.toString(16).padStart(32, '0')
    const span = { traceId, spanId: '1'.repeat(16), parentId: '', service: 'guid', name: 'GET', kind: 'server' }
    const spans = [{ ...span, startMs: i, durationMs: 1, error: '', attributes: {}, links: [] }]
    file.write([{ traceId, requestId: '', why: 'sampled', spans }], [{ service: 'guid', line: '{"level":"warn","msg":"x"}' }])
    process.stdout.write(i + '\\n')
  }`

test('What two processes have written is there after both were killed, and a third one goes on', async (t) => {
  const path = join(temporaryFolder(t), 'telemetry.db')
  const last = await Promise.all(
    [1_000_000, 2_000_000].map(async (first) => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program, path, String(first)])
      t.after(() => child.kill('SIGKILL'))
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.length > 1_000) child.kill('SIGKILL')
      })
      await once(child, 'close')
      return Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1))
    }),
  )
  const file = openTelemetryFile(path, { bytesMax: 20_000_000, now: Date.now })
  t.after(() => file.close())
  for (const number of last) {
    assert.ok(number > 1_000_000)
    assert.ok(file.readTrace(number.toString(16).padStart(32, '0')) !== undefined, String(number))
  }
  const { data, held } = await file.searchTraces({ sort: 'time', limit: 1_000 })
  assert.equal(held.kept, data.length)
  const db = new DatabaseSync(path, { readOnly: true })
  t.after(() => db.close())
  assert.equal(db.prepare('pragma integrity_check').get()?.integrity_check, 'ok')
})
