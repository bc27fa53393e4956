import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createHistory } from '../src/history.ts'
import { openReader } from '../src/reader.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'quintet-reader-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function world(t: TestContext, url: string) {
  const reader = openReader(url)
  t.after(() => reader.close())
  const warnings: string[] = []
  const logger = { warn: (_: object, text = '') => void warnings.push(text) }
  return { reader, history: createHistory(reader, logger), warnings }
}

const event = { at: 5_000, kind: 'start', service: 'guid', text: 'guid has started' } as const
const action = { at: 6_000, who: 'ada', what: 'stop', on: 'guid', outcome: 'stopped', succeeded: true }
const range = { from: 0, to: Date.now() }

test('Events, actions and samples are there after the console has closed and begun again', async (t) => {
  const url = `sqlite:${join(folder(t), 'telemetry.db')}?bytes=20000000`
  const first = world(t, url)
  const at = Math.floor(Date.now() / 10_000) * 10_000
  await first.history.addEvent(event)
  await first.history.addAction(action)
  await first.reader.call('addSamples', at, 'guid', { load: 0.5 })
  await first.reader.close()
  await assert.rejects(first.reader.call('actions', { limit: 1, before: undefined }), {
    code: 'dependency_down',
  })
  const { history, reader } = world(t, url)
  assert.ok(reader.keepsTraces)
  assert.deepEqual(await history.events(range), [event])
  assert.deepEqual(await history.actions({ limit: 10, before: undefined }), [{ id: 1, ...action }])
  assert.deepEqual(await reader.call('series', { from: at, to: at, stepMs: 10_000 }), [
    { at, service: 'guid', samples: { load: 0.5 } },
  ])
})

test('Without a file they are in memory, and no traces are', async (t) => {
  const { history, reader } = world(t, 'none:')
  assert.equal(reader.keepsTraces, false)
  await history.addEvent(event)
  assert.deepEqual(await history.events(range), [event])
})

test('A file that is none of SQLite is an error of each call, and the console goes on when it is there', async (t) => {
  const path = join(folder(t), 'telemetry.db')
  writeFileSync(path, 'no database'.repeat(1_000))
  const { history } = world(t, `sqlite:${path}`)
  await assert.rejects(history.events(range), { code: 'dependency_down', status: 503 })
  rmSync(path)
  assert.deepEqual(await history.events(range), [])
})

test('While the file is locked, calls wait for a bounded time, and beyond a number of them they are refused at once', async (t) => {
  const path = join(folder(t), 'telemetry.db')
  const { history, reader, warnings } = world(t, `sqlite:${path}`)
  await history.addEvent(event)
  const other = new DatabaseSync(path)
  t.after(() => other.close())
  other.exec('begin immediate')
  const calls = Array.from({ length: 65 }, () => reader.call('addEvent', event))
  const last = calls.pop()
  await assert.rejects(last ?? Promise.resolve(), { code: 'overloaded', status: 503 })
  // What has happened is no failure where it cannot be kept.
  await history.addEvent(event)
  await history.addAction(action)
  assert.deepEqual(warnings, ['an event was not kept', 'an action was not kept'])
  other.exec('commit')
  await Promise.all(calls)
  assert.equal((await history.events(range)).length, 65)
})
