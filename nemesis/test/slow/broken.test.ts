import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import { checkRegister } from '../../checkers/check-register.ts'
import { byNumber } from '../../checkers/versions.ts'
import { checkQueue } from '../../checkers/queue.ts'
import { createRecorder } from '../../history.ts'
import { asPost, asRegister } from '../../recorded.ts'
import { createResource, naiveCache, runClients } from './resource.ts'

/** Small systems that run for real: each correct one passes the checkers, and the same with one fault is caught. */

test('A cache with markers is linearizable, and one that stores every load and deletes after the write is not', async () => {
  const cached = await openCache('memory:', { clock: systemClock })
  const right = await runClients(createResource({ cache: cached, nextVersion: counter() }))
  await cached.close()
  assert.deepEqual(checkRegister(asRegister(right), { compareVersions: byNumber }).violations, [])

  // One short run may have no stale read.
  let caught = 0
  for (let run = 0; run < 30 && caught === 0; run++) {
    const wrong = await runClients(createResource({ cache: naiveCache(), nextVersion: counter() }))
    caught = checkRegister(asRegister(wrong)).violations.length
  }
  assert.notEqual(caught, 0)
})

test('Versions that count are unique and never go back, and those that are milliseconds of a clock are not', async () => {
  const none = await openCache('none:', { clock: systemClock })
  const right = await runClients(createResource({ cache: none, nextVersion: counter() }))
  assert.deepEqual(checkRegister(asRegister(right), { compareVersions: byNumber }).violations, [])

  // Two writes in each millisecond.
  const count = counter()
  const wrong = await runClients(createResource({ cache: none, nextVersion: () => Math.ceil(count() / 2) }))
  const { violations } = checkRegister(asRegister(wrong), { compareVersions: byNumber })
  assert.match(violations.map(({ message }) => message).join('\n'), /version \d+ stood for w\d+ and for w\d+/)
})

test('What is acknowledged after the commit survives a kill, and what is acknowledged before it does not', async (t) => {
  const right = await postUntilKilled(t, '--commit-first')
  assert.deepEqual(checkQueue(right.operations, right.stored), [])

  const wrong = await postUntilKilled(t, '--acknowledge-first')
  assert.match(
    String(checkQueue(wrong.operations, wrong.stored)[0]?.message),
    /was answered and is not stored/,
  )
})

test('A consumer that stores which messages it handled has one effect for each, and one that does not has more', async (t) => {
  const right = await consumeWithKills(t, '--inbox')
  assert.deepEqual(checkQueue(right.operations, right.stored, { isOrdered: true }), [])

  const wrong = await consumeWithKills(t, '--no-inbox')
  assert.match(String(checkQueue(wrong.operations, wrong.stored)[0]?.message), /is stored 2 times/)
})

function counter(): () => number {
  let count = 0
  return () => ++count
}

async function postUntilKilled(t: TestContext, mode: string) {
  const file = databaseFile(t)
  const recorder = createRecorder('queue')
  const program = start('post-store.ts', file, mode)
  program.stdin.on('error', () => {})
  const open = new Map<string, (type: 'ok') => void>()
  const post = (i: number) => {
    open.set(`m${i}`, recorder.invoke(`client ${i % 4}`, 'orders', { f: 'post', value: `m${i}` }))
    program.stdin.write(`m${i}\n`)
  }
  let posted = 0
  while (posted < 4) post(++posted)
  for await (const value of createInterface({ input: program.stdout })) {
    open.get(value)?.('ok')
    post(++posted)
  }
  return { operations: asPost(recorder.history()), stored: storedIn(file) }
}

async function consumeWithKills(t: TestContext, mode: string) {
  const file = databaseFile(t)
  const recorder = createRecorder('queue')
  const database = new DatabaseSync(file)
  database.exec(`CREATE TABLE message (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE stored (value TEXT NOT NULL); CREATE TABLE inbox (id INTEGER PRIMARY KEY)`)
  const insert = database.prepare('INSERT INTO message VALUES (?, ?)')
  for (let i = 1; i <= 25; i++) {
    const complete = recorder.invoke('client', 'orders', { f: 'post', value: `m${i}` })
    insert.run(i, `m${i}`)
    complete('ok')
  }
  database.close()
  for (let isKilled = true; isKilled; ) {
    const program = start('consume.ts', file, mode)
    isKilled = await new Promise<boolean>((resolve) =>
      program.on('exit', (_code, signal) => resolve(signal !== null)),
    )
  }
  return { operations: asPost(recorder.history()), stored: storedIn(file) }
}

function start(name: string, ...args: string[]) {
  const program = new URL(`programs/${name}`, import.meta.url).pathname
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
}

function databaseFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-nemesis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'test.db')
}

function storedIn(file: string): string[] {
  const database = new DatabaseSync(file)
  const rows = database.prepare('SELECT value FROM stored ORDER BY rowid').all()
  database.close()
  return rows.map(({ value }) => String(value))
}
