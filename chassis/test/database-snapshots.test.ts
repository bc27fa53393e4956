import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { copyAtOneInstant, prepareRestored } from '@quintet/chassis/database/embedded'
import { AppError } from '@quintet/chassis/errors'
import { registerProcess } from '../src/database/sqlite/process-registry.ts'

/** Large enough that copying takes longer than many writes. */
const rows = 20_000

/** Inserts a row into each database in turn, each by a transaction of its own. */
const writeInTurn = `
const { DatabaseSync } = require('node:sqlite')
const inserts = process.argv.slice(1).map((path) => {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec('pragma synchronous = off')
  return database.prepare("insert into t (x) values ('new')")
})
console.log('ready')
for (;;) for (const insert of inserts) insert.run()
`

test('Copies show all databases as of one instant, while another process writes to them in turn', async (t) => {
  const folder = temporaryFolder(t)
  const names = ['a', 'b', 'c']
  for (const name of names) fill(join(folder, name))
  const writer = spawn(process.execPath, ['-e', writeInTurn, ...names.map((name) => join(folder, name))])
  t.after(() => writer.kill('SIGKILL'))
  await once(writer.stdout, 'data')
  const before = countsIn(folder, names)
  for (const round of [1, 2, 3]) {
    const copies = names.map((name) => ({ from: join(folder, name), to: join(folder, `${name}-${round}`) }))
    // In the reverse order of the writes, so that copies one after another would have later ones of what was written first.
    await copyAtOneInstant(copies.toReversed())
    const [a = 0, b = 0, c = 0] = countsIn(
      folder,
      copies.map(({ to }) => to.slice(folder.length + 1)),
    )
    assert.ok(a - b >= 0 && b - c >= 0 && a - c <= 1, `${a}, ${b} and ${c} are of one instant`)
    assert.ok(a >= (before[0] ?? 0))
    const [now = 0] = countsIn(folder, names)
    assert.ok(now > a + 1, 'there were writes during the copy')
  }
})

test('A copy is one file that only its owner can read, and the original is as it was', async (t) => {
  const folder = temporaryFolder(t)
  fill(join(folder, 'a'))
  const { migrations } = await copyAtOneInstant([{ from: join(folder, 'a'), to: join(folder, 'copy') }])
  assert.deepEqual(migrations, [[]])
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('copy')),
    ['copy'],
  )
  assert.equal(statSync(join(folder, 'copy')).mode & 0o777, 0o600)
  assert.deepEqual(countsIn(folder, ['a', 'copy']), [rows, rows])
})

for (const [title, offset] of [
  ['in a page of a table', 4_096 * 3],
  ['in its schema', 100],
] as const)
  test(`Copying a database that is damaged ${title} fails with an error that names it, not its copy, and says what to do`, async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'a')
    fill(path)
    const file = openSync(path, 'r+')
    writeSync(file, Buffer.alloc(2_000, 0xff), 0, 2_000, offset)
    closeSync(file)
    await assert.rejects(copyAtOneInstant([{ from: path, to: join(folder, 'copy') }]), (error) => {
      assert.ok(error instanceof AppError)
      assert.match(
        error.message,
        /^The database file \S+\/a cannot be used, since it is damaged: stop all services, /,
      )
      return true
    })
  })

test('A lock that is held too long is reported by its database, and all others are free again', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of ['a', 'b']) fill(join(folder, name), 1)
  const holder = new DatabaseSync(join(folder, 'b'))
  holder.exec('begin immediate')
  const copies = ['a', 'b'].map((name) => ({ from: join(folder, name), to: join(folder, `${name}-copy`) }))
  await assert.rejects(copyAtOneInstant(copies), /holds the write lock of .*\/b for more than 2 s/)
  const other = new DatabaseSync(join(folder, 'a'), { timeout: 0 })
  other.exec('begin immediate')
  other.close()
  holder.close()
})

test('A copy leaves a process alone on its database', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'a')
  fill(path, 1)
  const registration = await registerProcess(path)
  await copyAtOneInstant([{ from: path, to: join(folder, 'copy') }])
  assert.equal(registration.isSingleProcess(), true)
  registration.leave()
})

test('A restored database forgets the cache on a server, which may have later values', (t) => {
  const path = join(temporaryFolder(t), 'a')
  const database = new DatabaseSync(path)
  database.exec(`create table cache_control (epoch, mode, generation, instance, challenge);
    insert into cache_control values (7, 'on', 'g', 'i', 'c')`)
  prepareRestored(path, 1, {})
  assert.deepEqual(Object.values(database.prepare('select * from cache_control').get() ?? {}), [
    0,
    'none',
    '',
    '',
    '',
  ])
  database.close()
})

test('Raised numbers are above all that were there, also in tables that never had a row', (t) => {
  const path = join(temporaryFolder(t), 'a')
  const database = new DatabaseSync(path)
  database.exec(`create table used (id integer primary key autoincrement, version integer, other integer);
    create table unused (id integer primary key autoincrement);
    insert into used (version, other) values (1, 1), (7, 1); delete from used where id = 2`)
  prepareRestored(path, 1_000, { columns: { used: ['version', 'absent'], absent: ['version'] } })
  database.exec('insert into used (version, other) values (1, 1); insert into unused default values')
  const read = (text: string) =>
    database
      .prepare(text)
      .all()
      .map((row) => Object.values(row))
  assert.deepEqual(read('select * from used'), [
    [1, 1_001, 1],
    [1_003, 1, 1],
  ])
  assert.deepEqual(read('select * from unused'), [[1_001]])
  database.close()
})

function fill(path: string, count = rows): void {
  const database = new DatabaseSync(path)
  database.exec(`pragma journal_mode = wal; pragma synchronous = off; create table t (x);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
    insert into t select printf('%0400d', i) from n`)
  database.close()
}

function countsIn(folder: string, names: readonly string[]): number[] {
  return names.map((name) => {
    const database = new DatabaseSync(join(folder, name), { readOnly: true, timeout: 5_000 })
    const row = database.prepare('select count(*) as count from t').get()
    database.close()
    return Number(row?.count)
  })
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-snapshots-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
