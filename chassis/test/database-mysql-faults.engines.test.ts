import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import type { PrivateEngine } from '@quintet/backends'
import { migrateDown, migrateUp, openDatabase, prepareQuery, withMigrator } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { sql } from 'kysely'
import { createConnection } from 'mysql2/promise'
import type { Connection } from 'mysql2/promise'
import { add, count, migrations, open } from './database-contract.ts'
import type { Tables } from './database-contract.ts'
import { engineUrl, freshDatabaseOn, until } from './testing.ts'

const withinMs = 30_000
const server = engineUrl('mysql')
if (server !== undefined) testFaults(server)

function testFaults(server: string): void {
  test('mysql: stopped, killed and started again amid a load, it has lost nothing that was answered and doubled nothing', async (t: TestContext) => {
    const engine = await start(t)
    const database = await open(t, databaseOf(engine))
    const outcomes = new Map<string, string>()
    let stopped = false
    const client = async (name: string) => {
      for (let i = 0; !stopped; i++) {
        const outcome = await commit(database, `${name}-${i}`)
        outcomes.set(`${name}-${i}`, outcome)
        if (outcome !== 'done') await pause(5)
      }
    }
    const load = Promise.all(Array.from({ length: 16 }, (_, i) => client(`c${i}`)))
    for (const end of [engine.stop, engine.kill]) {
      await untilMore(outcomes, 200)
      await end()
      await until(() => idsOf(outcomes, 'done').length < outcomes.size, withinMs)
      await engine.restart()
    }
    await untilMore(outcomes, 200)
    stopped = true
    await load
    const rows = await database.query.selectFrom('account').select('id').execute()
    const kept = new Set(rows.map(({ id }) => id))
    t.assert.deepEqual(
      idsOf(outcomes, 'done').filter((id) => !kept.has(id) || !kept.has(`${id}+`)),
      [],
      'answered and lost',
    )
    t.assert.deepEqual(
      idsOf(outcomes, 'dependency_down').filter((id) => kept.has(id)),
      [],
      'refused and done all the same',
    )
    const told = new Set(outcomes.values()).difference(
      new Set(['done', 'dependency_down', 'outcome_unknown']),
    )
    t.assert.deepEqual([...told], [])
  })

  test('mysql: a server that hangs does not hold anybody for long, and is used again when it goes on', async (t: TestContext) => {
    const engine = await start(t)
    const database = await open(t, databaseOf(engine))
    t.assert.equal(await commit(database, 'a'), 'done')
    engine.pause()
    const startedAt = performance.now()
    const outcomes = await Promise.all(['b', 'c', 'd'].map((id) => commit(database, id)))
    t.assert.ok(outcomes.every((outcome) => outcome === 'outcome_unknown' || outcome === 'dependency_down'))
    t.assert.ok(performance.now() - startedAt < 10_000)
    engine.resume()
    await until(async () => (await commit(database, 'e')) === 'done', withinMs)
  })

  test('mysql: ping tells which migrations are not applied, that there is no such database, or that the password is wrong', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const opened = async (of: string) => {
      const database = await openDatabase<Tables>(of, { migrations })
      t.after(() => database.close())
      return database
    }
    await t.assert.rejects((await opened(url)).ping(), /does not exist: run quintet migrate up/)
    await withMigrator(url, { migrations }, (migrator) => migrator.migrateUp())
    const outdated = await opened(url)
    await t.assert.rejects(outdated.ping(), /0002-create-outbox.*run quintet migrate up/)
    await withMigrator(url, { migrations }, migrateUp)
    await outdated.ping()
    const wrong = Object.assign(new URL(url), { password: 'not-the-password' }).href
    const error = await (await opened(wrong)).ping().catch((fault: unknown) => fault)
    t.assert.ok(error instanceof AppError)
    t.assert.match(error.message, /refuses the user or the password/)
    t.assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /not-the-password/)
  })

  test('mysql: a migration that was interrupted is taken up where it ended, and one that was taken back is whole again', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const up = () => withMigrator(url, { migrations }, migrateUp)
    await up()
    // As a process leaves it that ends in the midst of the second one: a table is there, and nothing says that it is done.
    const client = await connected(t, url)
    await client.query("drop table outbox_relay; delete from kysely_migration where name like '0002%'")
    t.assert.deepEqual(await up(), ['0002-create-outbox'])
    await client.query('insert into outbox_relay (source, lease_until) values (1, 1)')
    for (const name of ['0002-create-outbox', '0001-create-account'])
      t.assert.deepEqual(await withMigrator(url, { migrations }, migrateDown), [name])
    await client.query('create table account (id int)')
    await t.assert.rejects(up(), /exists/, 'a table of somebody else is not taken for what was begun')
  })

  test('mysql: texts that differ in case, in accents or in trailing spaces are different, in a key as in a search', async (t: TestContext) => {
    const database = await open(t, freshDatabaseOn(server))
    const ids = ['a', 'a ', 'A', 'á', 'a\u0301']
    await Promise.all(ids.map((id) => add(database.query, id).execute()))
    for (const id of ids) {
      const found = await database.query.selectFrom('account').select('id').where('id', '=', id).execute()
      t.assert.deepEqual(found, [{ id }])
    }
  })

  test('mysql: a text that is too long for its column is refused, and not cut', async (t: TestContext) => {
    const database = await open(t, freshDatabaseOn(server))
    await t.assert.rejects(add(database.query, 'x'.repeat(33)).execute(), /refused a statement/)
    t.assert.equal(await count(database.query), 0)
  })

  test('mysql: a whole number is exact, however large it is', async (t: TestContext) => {
    const { query, commit } = await open(t, freshDatabaseOn(server))
    const plus = prepareQuery((p: Placeholders<{ number: bigint }>) =>
      query.selectNoFrom(sql<bigint>`cast(${p.number} as signed) + 0`.as('large')),
    )
    const [result] = (await commit([plus({ number: 9007199254740993n })])).results
    t.assert.equal(BigInt(String(result?.rows[0]?.large)), 9007199254740993n)
  })

  test('mysql: units that deadlock are tried again, and all are done', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const [one, two] = [await open(t, url), await open(t, url)]
    await Promise.all(['a', 'b'].map((id) => add(one.query, id, 0).execute()))
    const units = Array.from({ length: 40 }, (_, i) => {
      const database = i % 2 === 0 ? one : two
      const [first, second] = i % 2 === 0 ? ['a', 'b'] : ['b', 'a']
      return database.commit([raised(database, first ?? ''), raised(database, second ?? '')])
    })
    await Promise.all(units)
    const rows = await one.query.selectFrom('account').select('balance').execute()
    t.assert.deepEqual(
      rows.map(({ balance }) => balance),
      [40, 40],
    )
  })

  test('mysql: a row that somebody holds refuses its own unit after a while, and none that came with it', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    const ids = ['held', ...Array.from({ length: 20 }, (_, i) => `free ${i}`)]
    await Promise.all(ids.map((id) => add(database.query, id, 0).execute()))
    const holder = await connected(t, url)
    await holder.query("begin; update account set balance = 1 where id = 'held'")
    const raise = (id: string) => commitOf(() => database.commit([raised(database, id)]))
    const [held, ...free] = ids.map(raise)
    t.assert.deepEqual(new Set(await Promise.all(free)), new Set(['done']))
    t.assert.equal(await held, 'overloaded')
    await holder.query('commit')
    t.assert.equal(await raise('held'), 'done')
  })

  test('mysql: a unit whose deadline passes while it waits for a row changes nothing', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await add(database.query, 'held', 0).execute()
    const holder = await connected(t, url)
    await holder.query("begin; update account set balance = 5 where id = 'held'")
    const late = commitOf(() =>
      database.commit([raised(database, 'held'), add(database.query, 'beside').compile()], {
        before: performance.now() + 300,
      }),
    )
    await pause(500)
    await holder.query('commit')
    t.assert.equal(await late, 'overloaded')
    const rows = await database.query.selectFrom('account').selectAll().execute()
    t.assert.deepEqual(rows, [{ id: 'held', balance: 5 }])
  })

  test('mysql: connections that the server ended while nobody used them are replaced, and nobody notices', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    t.assert.equal(await commit(database, 'a'), 'done')
    const other = await connected(t, url)
    const [threads] = await other.query(
      'select id as id from information_schema.processlist where db = database() and id <> connection_id()',
    )
    t.assert.ok(Array.isArray(threads) && threads.length > 0)
    for (const thread of threads) await other.query(`kill ${'id' in thread ? Number(thread.id) : 0}`)
    await pause(100)
    t.assert.equal(await commit(database, 'b'), 'done')
    t.assert.equal(await count(database.query), 4)
  })
}

function commit(database: Database<Tables>, id: string): Promise<string> {
  return commitOf(() =>
    database.commit([add(database.query, id).compile(), add(database.query, `${id}+`).compile()]),
  )
}

async function commitOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}

function raised({ query }: Database<Tables>, id: string) {
  return query
    .updateTable('account')
    .set((row) => ({ balance: row('balance', '+', 1) }))
    .where('id', '=', id)
    .compile()
}

function idsOf(outcomes: ReadonlyMap<string, string>, wanted: string): string[] {
  return [...outcomes].filter(([, outcome]) => outcome === wanted).map(([id]) => id)
}

async function untilMore(outcomes: ReadonlyMap<string, string>, by: number): Promise<void> {
  const before = idsOf(outcomes, 'done').length
  await until(() => idsOf(outcomes, 'done').length > before + by, withinMs)
}

async function connected(t: TestContext, url: string): Promise<Connection> {
  const connection = await createConnection({ uri: url, multipleStatements: true })
  t.after(() => connection.end())
  return connection
}

async function start(t: TestContext): Promise<PrivateEngine> {
  const engine = await startPrivateEngine('mysql')
  t.after(() => engine.dispose())
  return engine
}

function databaseOf(engine: PrivateEngine): string {
  return Object.assign(new URL(engine.url), { pathname: '/faults' }).href
}
