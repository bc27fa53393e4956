import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { migrateDatabase, openDatabase, readDatabase, unknownMigrationsOf } from '../src/database/index.ts'
import { migrateDown } from '../src/database/migrations.ts'
import { migrateSqlite, withUnusedSqlite } from '../src/database/sqlite/sqlite-database.ts'
import { diagnose } from '../src/diagnosis/index.ts'

const migrations = new URL('./migrations/', import.meta.url)

/** A folder with a database that has been used and closed. */
async function closedDatabase(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-files-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'some.db')
  const database = await openDatabase(`sqlite:${path}`, { migrations })
  await database.close()
  return path
}

const damages: Readonly<Record<string, (path: string) => void>> = {
  'text instead of a database': (path) => writeFileSync(path, 'a text that is long enough\n'.repeat(10)),
  'a database that was cut off': (path) => truncateSync(path, 5_000),
  'pages that were overwritten': (path) => writeFileSync(path, overwritten(path)),
}

function overwritten(path: string): Buffer {
  return readFileSync(path).fill(0xab, 200)
}

for (const [title, damage] of Object.entries(damages))
  test(`A fault of the file is reported with its path and what to do, whoever opens it: ${title}`, async (t) => {
    const path = await closedDatabase(t)
    damage(path)
    const before = readFileSync(path)
    const url = `sqlite:${path}`
    const expected = new RegExp(`^AppError: The database file ${path} cannot be used, since .* from a backup`)
    await assert.rejects(openDatabase(url, { migrations }), expected)
    await assert.rejects(migrateDatabase(url, { migrations }, 'status'), expected)
    await assert.rejects(migrateDatabase(url, { migrations }, 'up'), expected)
    const findings = await diagnose(url)
    assert.deepEqual(
      findings.map(({ verdict }) => verdict),
      ['broken'],
    )
    assert.deepEqual(readFileSync(path), before, 'the file is as it was')
  })

test('A folder in the place of the file, and a file in the place of the folder, are reported', async (t) => {
  const path = await closedDatabase(t)
  mkdirSync(`${path}-folder`)
  await assert.rejects(
    openDatabase(`sqlite:${path}-folder`, { migrations }),
    /some\.db-folder cannot be opened, since it is a folder/,
  )
  for (const below of [`${path}/one.db`, `${path}/more/one.db`])
    await assert.rejects(
      openDatabase(`sqlite:${below}`, { migrations }),
      /one\.db cannot be created, since .* is a file: set DATA_DIR to a folder\.$/,
    )
})

test('A folder that cannot be written is reported with what to do', {
  skip: !existsSync('/sys/kernel') && 'there is no such folder',
}, async () => {
  await assert.rejects(
    openDatabase('sqlite:/sys/kernel/quintet/one.db', { migrations }),
    /one\.db cannot be written: give .* the right to write in \/sys\/kernel\/quintet, or set DATA_DIR/,
  )
})

test('A folder that cannot exist is reported at once', {
  skip: !existsSync('/proc/self') && 'there is no such folder',
}, async () => {
  await assert.rejects(
    openDatabase('sqlite:/proc/quintet/one.db', { migrations }),
    /one\.db cannot be opened: check that its folder \/proc\/quintet exists/,
  )
})

test('A database whose migrations were reverted is not ready, until they are applied again', async (t) => {
  const path = await closedDatabase(t)
  const url = `sqlite:${path}`
  const database = await openDatabase(url, { migrations })
  t.after(database.close)
  await database.ping()
  for (const name of ['0002-create-outbox', '0001-create-account']) {
    await migrateSqlite(path, migrations, migrateDown)
    await assert.rejects(
      database.ping(),
      new RegExp(`The tables are not up to date \\(.*${name}.*\\): run quintet migrate up\\.$`),
    )
  }
  await migrateDatabase(url, { migrations }, 'up')
  await database.ping()
})

test('Migrations are not reverted while a service uses the database, and are once it is stopped', async (t) => {
  const url = `sqlite:${await closedDatabase(t)}`
  const [first, second] = [await openDatabase(url, { migrations }), await openDatabase(url, { migrations })]
  for (const running of [first, second]) {
    await assert.rejects(
      migrateDatabase(url, { migrations }, 'down'),
      /^AppError: A service uses .*some\.db\. Stop it first\.$/,
    )
    await running?.close()
  }
  assert.deepEqual(await migrateDatabase(url, { migrations }, 'down'), ['0002-create-outbox'])
})

test('A service that starts while migrations are reverted waits for the end of that, and applies them again', async (t) => {
  const path = await closedDatabase(t)
  const url = `sqlite:${path}`
  const reverting = Promise.withResolvers<void>()
  const reverted = withUnusedSqlite(path, async () => {
    await reverting.promise
    return migrateSqlite(path, migrations, migrateDown)
  })
  const starting = openDatabase(url, { migrations })
  assert.equal(await Promise.race([starting, pause(200, 'it waits')]), 'it waits')
  reverting.resolve()
  assert.deepEqual(await reverted, ['0002-create-outbox'])
  const database = await starting
  t.after(database.close)
  assert.ok(database.isSingleProcess())
  await database.ping()
})

test('A database of another service, or of a later version, is refused with what to do', async (t) => {
  const path = await closedDatabase(t)
  const url = `sqlite:${path}`
  const other = new URL('../src/queue/sqlite/migrations/', import.meta.url)
  const expected = {
    code: 'conflict',
    message: `The database file ${path} has tables of another service or of a later version, since this version does not have 0001-create-account, 0002-create-outbox. Give each service a database of its own, or run the version that made them.`,
  }
  await assert.rejects(openDatabase(url, { migrations: other }), expected)
  await assert.rejects(migrateDatabase(url, { migrations: other }, 'up'), expected)
  await assert.rejects(migrateDatabase(url, { migrations: other }, 'down'), expected)
  assert.equal(await unknownMigrationsOf(url, other), expected.message)
  assert.equal(await unknownMigrationsOf(url, migrations), undefined)
  assert.equal(await unknownMigrationsOf(`${url}-absent`, other), undefined)
  const status = await migrateDatabase(url, { migrations: other }, 'status')
  assert.deepEqual(
    status.filter((line) => !line.endsWith(' pending')),
    ['0001-create-account unknown to this version', '0002-create-outbox unknown to this version'],
  )
  await (await openDatabase(url, { migrations })).close()
})

test('An intact database is found good and one that does not exist absent, and none is created', async (t) => {
  const path = await closedDatabase(t)
  const verdicts = async (url: string) => (await diagnose(url)).map(({ verdict }) => verdict)
  assert.deepEqual(await verdicts(`sqlite:${path}`), ['good'])
  assert.deepEqual(await verdicts(`sqlite:${path}-absent`), ['absent'])
  assert.ok(!existsSync(`${path}-absent`))
  assert.equal(await readDatabase(`sqlite:${path}-absent`, async () => 1), undefined)
})
