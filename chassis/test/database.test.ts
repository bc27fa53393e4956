import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { makeMigration, migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { AppError, operatorMessage } from '@quintet/chassis/errors'
import { testDatabase } from './database-contract.ts'
import { add, count, migrations, open } from './database-world.ts'
import type { Tables } from './database-world.ts'
import { createFileUrl } from './testing.ts'

testDatabase('sqlite', createFileUrl)

test('sqlite: an acknowledged write is synced: the journal is a WAL and synchronous is FULL', async (t: TestContext) => {
  const { commit } = await open(t, createFileUrl(t))
  const read = async (pragma: string) => {
    const { results } = await commit([{ sql: `pragma ${pragma}`, parameters: [] }])
    return results[0]?.rows[0]?.[pragma]
  }
  t.assert.equal(await read('synchronous'), 2)
  t.assert.equal(await read('journal_mode'), 'wal')
})

test('sqlite: a process is single until another one opens the database, and is not any more before the other can write', async (t: TestContext) => {
  const url = createFileUrl(t)
  const first = await open(t, url)
  t.assert.equal(first.isSingleProcess(), true)
  const opening = open(t, url)
  const second = await opening
  t.assert.equal(first.isSingleProcess(), false)
  t.assert.equal(second.isSingleProcess(), false)
  await Promise.all([add(first.query, 'a').execute(), add(second.query, 'b').execute()])
  t.assert.equal(await count(first.query), 2)
  await first.close()
  await second.close()
  const third = await open(t, url)
  t.assert.equal(third.isSingleProcess(), true)
})

test('sqlite: a private database leaves no file behind', async (t: TestContext) => {
  const before = privateFolders()
  const database = await openDatabase('sqlite::memory:', { migrations })
  const created = privateFolders().filter((name) => !before.includes(name))
  await database.close()
  t.assert.ok(created.length > 0)
  // Those of tests that run at the same time may still be there.
  t.assert.ok(created.some((name) => !existsSync(join(tmpdir(), name))))
})

test('sqlite: a private database begins as the first one with its migrations did, and has no row of it', async (t: TestContext) => {
  const folder = copyMigrations(t)
  const text = `import { sql } from 'kysely'
export async function up(db) { await sql\`insert into account values (hex(randomblob(8)), 1)\`.execute(db) }`
  writeFileSync(new URL('9999-add-row.ts', folder), text)
  const openPrivate = async (id: string) => {
    const { query, close } = await openDatabase<Tables>('sqlite::memory:', { migrations: folder })
    t.after(close)
    await add(query, id).execute()
    return (await query.selectFrom('account').select('id').orderBy('id').execute()).map((row) => row.id)
  }
  const [row] = await openPrivate('first')
  t.assert.deepEqual(await openPrivate('second'), [row, 'second'])
})

test('sqlite: the thread of a database that is closed writes the next one', async (t: TestContext) => {
  let started = 0
  const countThread = () => started++
  await (await open(t, createFileUrl(t))).close()
  process.on('worker', countThread)
  const { query } = await open(t, createFileUrl(t))
  process.off('worker', countThread)
  await add(query, 'a').execute()
  t.assert.equal(await count(query), 1)
  t.assert.equal(started, 0)
})

test('sqlite: units beyond the bound are refused with overloaded and the others are not', async (t: TestContext) => {
  const { commit } = await open(t, createFileUrl(t))
  const outcomes = await Promise.allSettled(Array.from({ length: 20_050 }, () => commit([])))
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  t.assert.equal(refused.length, 50)
  for (const outcome of refused)
    if (outcome.status === 'rejected') t.assert.equal(outcome.reason.code, 'overloaded')
})

test('sqlite: when the thread that writes fails, the unit that it has is of unknown outcome, and those that wait are not made', async (t: TestContext) => {
  const threads: Worker[] = []
  const collect = (thread: Worker) => threads.push(thread)
  process.on('worker', collect)
  let url = createFileUrl(t)
  let { query, commit } = await open(t, url)
  // The threads of databases that are closed come first.
  while (threads.length === 0) {
    url = createFileUrl(t)
    ;({ query, commit } = await open(t, url))
  }
  process.off('worker', collect)
  t.after(() => Promise.all(threads.map((thread) => thread.terminate())))
  const unit = (id: string) => commit([add(query, id).compile()])
  const inThread = unit('a')
  await nextTurn()
  const waiting = unit('b')
  for (const thread of threads) thread.emit('error', new Error('out of memory'))
  await t.assert.rejects(inThread, { code: 'outcome_unknown' })
  await t.assert.rejects(waiting, { code: 'dependency_down' })
  await t.assert.rejects(unit('c'), { code: 'dependency_down' })
  const other = new DatabaseSync(url.slice('sqlite:'.length))
  t.after(() => other.close())
  t.assert.deepEqual(other.prepare("select id from account where id <> 'a'").all(), [])
})

test('sqlite: queries that are executed together are one batch, and no read waits for a write', async (t: TestContext) => {
  const { query, commit } = await open(t, createFileUrl(t))
  const order: string[] = []
  const note = (name: string) => () => order.push(name)
  await Promise.all([
    add(query, 'a').execute().then(note('query')),
    commit([add(query, 'b').compile()]).then(note('unit')),
    add(query, 'c').execute().then(note('query')),
    count(query).then(note('read')),
  ])
  t.assert.deepEqual(order, ['read', 'unit', 'query', 'query'])
})

test('sqlite: while another process holds the write lock for long, a write waits and then succeeds', async (t: TestContext) => {
  const url = createFileUrl(t)
  const { query } = await open(t, url)
  const other = new DatabaseSync(url.slice('sqlite:'.length))
  other.exec('begin immediate')
  let added = false
  const adding = add(query, 'a')
    .execute()
    .then(() => {
      added = true
    })
  // Reads are possible meanwhile.
  for (let i = 0; i < 20; i += 1) t.assert.equal(await count(query), 0)
  t.assert.equal(added, false)
  other.exec('commit')
  other.close()
  await adding
  t.assert.equal(await count(query), 1)
})

test('sqlite: a unit whose deadline passes while another process holds the write lock changes nothing, and others of the batch are executed', async (t: TestContext) => {
  const url = createFileUrl(t)
  const { query, commit } = await open(t, url)
  const other = new DatabaseSync(url.slice('sqlite:'.length))
  other.exec('begin immediate')
  const late = commit([add(query, 'late').compile()], { before: performance.now() + 50 })
  const [refused, inTime] = [t.assert.rejects(late, { code: 'overloaded' }), add(query, 'in time').execute()]
  await pause(100)
  other.exec('commit')
  other.close()
  await Promise.all([refused, inTime])
  t.assert.deepEqual(await query.selectFrom('account').select('id').execute(), [{ id: 'in time' }])
})

test('sqlite: settle resolves only when no other process holds the write lock', async (t: TestContext) => {
  const url = createFileUrl(t)
  const { settle } = await open(t, url)
  const other = new DatabaseSync(url.slice('sqlite:'.length))
  other.exec('begin immediate')
  let isSettled = false
  const settling = settle().then(() => {
    isSettled = true
  })
  await pause(100)
  t.assert.equal(isSettled, false)
  other.exec('commit')
  other.close()
  await settling
})

test('sqlite: a migration that fails leaves the database as it was, and it can be opened', async (t: TestContext) => {
  const url = createFileUrl(t)
  const folder = copyMigrations(t)
  writeFileSync(
    new URL('0003-break-everything.ts', folder),
    `export async function up(db) {
      await db.schema.createTable('half').addColumn('id', 'text').execute()
      throw new Error('half-way')
    }
    export async function down() {}`,
  )
  await t.assert.rejects(openDatabase(url, { migrations: folder }), /half-way/)
  const database = await open(t, url)
  t.assert.equal(database.isSingleProcess(), true)
  const half = {
    sql: "select 1 from sqlite_master where name = 'half'",
    parameters: [],
    mustAffectRows: true,
  }
  t.assert.equal((await database.commit([half])).failedStatement, 0)
})

test('sqlite: all who open a new database at the same time find it migrated', async (t: TestContext) => {
  const url = createFileUrl(t)
  const databases = await Promise.all(Array.from({ length: 5 }, () => open(t, url)))
  await Promise.all(databases.map(({ query }, i) => add(query, `${i}`).execute()))
  for (const { query } of databases) t.assert.equal(await count(query), 5)
})

test('migrations are created, applied, listed and reverted one by one', async (t: TestContext) => {
  const url = createFileUrl(t)
  const folder = copyMigrations(t)
  const file = await makeMigration(folder, 'add-nothing')
  t.assert.equal(file, '0003-add-nothing.ts')
  requireTypes(new URL(file, folder))
  await t.assert.rejects(makeMigration(folder, 'Not A Name'), /lower-case/)
  const migrate = (action: 'status' | 'up' | 'down') => migrateDatabase(url, { migrations: folder }, action)
  t.assert.deepEqual(await migrate('up'), ['0001-create-account', '0002-create-outbox', '0003-add-nothing'])
  t.assert.deepEqual(await migrate('up'), [])
  t.assert.deepEqual(await migrate('down'), ['0003-add-nothing'])
  t.assert.deepEqual(await migrate('down'), ['0002-create-outbox'])
  t.assert.deepEqual(await migrate('status'), [
    '0001-create-account applied',
    '0002-create-outbox pending',
    '0003-add-nothing pending',
  ])
  t.assert.deepEqual(await migrate('up'), ['0002-create-outbox', '0003-add-nothing'])
})

test('a URL without an adapter is refused with a list of those that have one', async (t: TestContext) => {
  await t.assert.rejects(openDatabase('clay-tablet://nineveh', { migrations }), /clay-tablet.*sqlite:/)
})

test('sqlite: a disk that fails is reported as dependency_down, and nothing is changed', async (t: TestContext) => {
  const { query, commit } = await open(t, createFileUrl(t))
  await add(query, 'a').execute()
  // To SQLite, a page limit that is reached is the same as a full disk.
  await commit([{ sql: 'pragma max_page_count = 1', parameters: [] }])
  const filling = Array.from({ length: 2000 }, (_, i) => add(query, `${i}`.padStart(30)).execute())
  const outcomes = await Promise.allSettled(filling)
  const failed = outcomes.filter(({ status }) => status === 'rejected')
  t.assert.ok(failed.length > 0)
  for (const outcome of failed)
    if (outcome.status === 'rejected')
      t.assert.ok(outcome.reason instanceof AppError && outcome.reason.code === 'dependency_down')
  t.assert.equal(await count(query), 1 + outcomes.length - failed.length)
  await commit([{ sql: 'pragma max_page_count = 1000000', parameters: [] }])
  await add(query, 'again').execute()
})

/** A folder of migrations that a test can add to, and from which packages can be imported. */
for (const [text, reason] of [
  ["export async function up() { throw new Error('why') }", 'why'],
  ['export async function up(db) { await db.schema.alterTable("").execute() }', ''],
  ['export async function up(db) { await db.deleteFrom("absent").execute() }', 'no such table: absent'],
  ['export async function down() {}', ''],
  ['export async function up() {', ''],
] as const)
  test(`sqlite: a migration that fails is named with the reason: ${text}`, async (t: TestContext) => {
    const folder = copyMigrations(t)
    const url = createFileUrl(t)
    writeFileSync(new URL('0003-x.ts', folder), text)
    for (const work of [
      () => openDatabase(url, { migrations: folder }),
      () => migrateDatabase(url, { migrations: folder }, 'up'),
    ]) {
      const error: unknown = await work().catch((fault: unknown) => fault)
      t.assert.match(operatorMessage(error, 'guid') ?? '', new RegExp(`^guid, migration 0003-x: .*${reason}`))
    }
  })

test('sqlite: a migration that fails when it is reverted is named with the reason', async (t: TestContext) => {
  const folder = copyMigrations(t)
  const url = createFileUrl(t)
  writeFileSync(
    new URL('0003-x.ts', folder),
    "export async function up() {}\nexport async function down() { throw new Error('why') }",
  )
  await migrateDatabase(url, { migrations: folder }, 'up')
  await t.assert.rejects(migrateDatabase(url, { migrations: folder }, 'down'), {
    message: 'migration 0003-x: why',
  })
})

function requireTypes(file: URL): void {
  const words = ['--noEmit', '--strict', '--noUnusedParameters', '--skipLibCheck', '--module', 'nodenext']
  const tsc = new URL('../../node_modules/.bin/tsc', import.meta.url).pathname
  const { status, stdout } = spawnSync(tsc, ['--ignoreConfig', ...words, file.pathname], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
}

/** A copy outside the repository, which may be read-only, with the packages that migrations import. */
function copyMigrations(t: TestContext): URL {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(migrations, folder, { recursive: true })
  symlinkSync(new URL('../../node_modules', import.meta.url), join(folder, 'node_modules'))
  return pathToFileURL(`${folder}/`)
}

function privateFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => /^quintet-[^-]+$/.test(name))
}
