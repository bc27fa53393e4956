import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { migrateDatabase, openDatabase, prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { sql } from 'kysely'
import { createConnection } from 'mysql2/promise'
import type { Connection } from 'mysql2/promise'
import {
  commitOf,
  commitPair,
  faultsDatabaseOn,
  interruptUnderLoad,
  raised,
  startEngine,
  withinMs,
} from './database-faults.ts'
import { add, count, migrations, open } from './database-world.ts'
import type { Tables } from './database-world.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, freshDatabaseOn, until } from './testing.ts'

const server = engineUrl('mysql')
if (server !== undefined) {
  testFaults(server)
  testValues(server)
  testUnits(server)
}

function testFaults(server: string): void {
  test('mysql: stopped, killed and restarted under load, it has lost nothing that was acknowledged and applied nothing twice', async (t: TestContext) => {
    const engine = await startEngine(t, 'mysql')
    await interruptUnderLoad(t, engine, [engine.stop, engine.kill])
  })

  test('mysql: a server that hangs does not block callers for long, and is used again when it resumes', async (t: TestContext) => {
    const engine = await startEngine(t, 'mysql')
    const database = await open(t, faultsDatabaseOn(engine))
    t.assert.equal(await commitPair(database, 'a'), 'done')
    engine.pause()
    const startedAt = performance.now()
    const outcomes = await Promise.all(['b', 'c', 'd'].map((id) => commitPair(database, id)))
    t.assert.ok(outcomes.every((outcome) => outcome === 'outcome_unknown' || outcome === 'dependency_down'))
    t.assert.ok(performance.now() - startedAt < 10_000)
    engine.resume()
    await until(async () => (await commitPair(database, 'e')) === 'done', withinMs)
  })

  test('mysql: ping rejects with the pending migrations, because there is no such database, or because the password is wrong', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const opened = async (of: string) => {
      const database = await openDatabase<Tables>(of, { migrations })
      t.after(() => database.close())
      return database
    }
    await t.assert.rejects((await opened(url)).ping(), /does not exist: run quintet migrate up/)
    await migrateDatabase(url, { migrations }, 'up')
    await migrateDatabase(url, { migrations }, 'down')
    const outdated = await opened(url)
    await t.assert.rejects(outdated.ping(), /0002-create-outbox.*run quintet migrate up/)
    await migrateDatabase(url, { migrations }, 'up')
    await outdated.ping()
    await migrateDatabase(url, { migrations }, 'down')
    await t.assert.rejects(outdated.ping(), /0002-create-outbox.*run quintet migrate up/)
    const wrong = Object.assign(new URL(url), { password: 'not-the-password' }).href
    const error = await (await opened(wrong)).ping().catch((fault: unknown) => fault)
    t.assert.ok(error instanceof AppError)
    t.assert.match(error.message, /refuses the user or the password/)
    t.assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /not-the-password/)
  })

  test('mysql: an interrupted migration is completed by the next run, and one that was reverted is applied whole', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const up = () => migrateDatabase(url, { migrations }, 'up')
    await up()
    // As after a crash during the second one: a table exists, and the migration is not recorded as applied.
    const client = await connect(t, url)
    await client.query("drop table outbox_relay; delete from kysely_migration where name like '0002%'")
    t.assert.deepEqual(await up(), ['0002-create-outbox'])
    await client.query('insert into outbox_relay (source, lease_until) values (1, 1)')
    for (const name of ['0002-create-outbox', '0001-create-account'])
      t.assert.deepEqual(await migrateDatabase(url, { migrations }, 'down'), [name])
    await client.query('create table account (id int)')
    await t.assert.rejects(
      up(),
      /exists/,
      'a table of another origin is not taken for a part of the migration',
    )
  })
}

function testValues(server: string): void {
  test('mysql: texts that differ in case, in accents or in trailing spaces are different, in a key and in a comparison', async (t: TestContext) => {
    const database = await open(t, freshDatabaseOn(server))
    const ids = ['a', 'a ', 'A', 'á', 'a\u0301']
    await Promise.all(ids.map((id) => add(database.query, id).execute()))
    for (const id of ids) {
      const found = await database.query.selectFrom('account').select('id').where('id', '=', id).execute()
      t.assert.deepEqual(found, [{ id }])
    }
  })

  test('mysql: a text that is too long for its column is refused, and not truncated', async (t: TestContext) => {
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
}

function testUnits(server: string): void {
  test('mysql: a unit whose connection is lost before the response to its commit rejects with outcome_unknown; lost earlier, it is not applied', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const straight = await open(t, url)
    const proxy = await startProxy(t, server)
    const database = await openDatabase<Tables>(proxy.through(url), { migrations })
    t.after(() => database.close())
    t.assert.equal(await commitPair(database, 'a'), 'done')
    proxy.dropResponses((request) => !String(request).includes('commit'))
    t.assert.equal(await commitPair(database, 'b'), 'outcome_unknown')
    t.assert.equal(await count(straight.query), 4)
    proxy.dropResponses((request) => !String(request).includes('begin'))
    t.assert.equal(await commitPair(database, 'c'), 'dependency_down')
    await proxy.pass()
    await until(async () => (await commitPair(database, 'd')) === 'done', withinMs)
    t.assert.equal(await count(straight.query), 6)
  })

  test('mysql: units that deadlock are retried, and all succeed', async (t: TestContext) => {
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

  test('mysql: a row that another transaction has locked fails its own unit after a while, and no other of the batch', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    const ids = ['locked', ...Array.from({ length: 20 }, (_, i) => `free ${i}`)]
    await Promise.all(ids.map((id) => add(database.query, id, 0).execute()))
    const holder = await connect(t, url)
    await holder.query("begin; update account set balance = 1 where id = 'locked'")
    const raise = (id: string) => commitOf(() => database.commit([raised(database, id)]))
    const [locked, ...free] = ids.map(raise)
    t.assert.deepEqual(new Set(await Promise.all(free)), new Set(['done']))
    t.assert.equal(await locked, 'overloaded')
    await holder.query('commit')
    t.assert.equal(await raise('locked'), 'done')
  })

  test('mysql: a unit whose deadline passes while it waits for a lock changes nothing', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await add(database.query, 'locked', 0).execute()
    const holder = await connect(t, url)
    await holder.query("begin; update account set balance = 5 where id = 'locked'")
    const late = commitOf(() =>
      database.commit([raised(database, 'locked'), add(database.query, 'beside').compile()], {
        before: performance.now() + 300,
      }),
    )
    await pause(500)
    await holder.query('commit')
    t.assert.equal(await late, 'overloaded')
    const rows = await database.query.selectFrom('account').selectAll().execute()
    t.assert.deepEqual(rows, [{ id: 'locked', balance: 5 }])
  })

  test('mysql: while a session runs a statement that began before, settle rejects; once it has ended, settle resolves', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await database.settle()
    const other = await connect(t, url)
    const sleeping = other.query('select sleep(5)')
    await t.assert.rejects(database.settle(), /does not end/)
    await sleeping
    await database.settle()
  })

  test('mysql: connections that the server closed while they were idle are replaced, and no unit fails', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    t.assert.equal(await commitPair(database, 'a'), 'done')
    const other = await connect(t, url)
    const [threads] = await other.query(
      'select id as id from information_schema.processlist where db = database() and id <> connection_id()',
    )
    t.assert.ok(Array.isArray(threads) && threads.length > 0)
    for (const thread of threads) await other.query(`kill ${'id' in thread ? Number(thread.id) : 0}`)
    await pause(100)
    t.assert.equal(await commitPair(database, 'b'), 'done')
    t.assert.equal(await count(database.query), 4)
  })
}

async function connect(t: TestContext, url: string): Promise<Connection> {
  const connection = await createConnection({ uri: url, multipleStatements: true })
  t.after(() => connection.end())
  return connection
}
