import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import pg from 'pg'
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
import { hangCommits } from './hung-commits.ts'
import { startProxy } from './tcp-proxy.ts'
import { engineUrl, freshDatabaseOn, until } from './testing.ts'

const server = engineUrl('postgres')
if (server !== undefined) {
  testFaults(server)
  testUnits(server)
  testDeadlines(server)
  testHangs()
  testMigrations(server)
  testOutcomes(server)
}

function testFaults(server: string): void {
  test('postgres: killed and restarted under load, it has lost nothing that was acknowledged and applied nothing twice', async (t: TestContext) => {
    const engine = await startEngine(t, 'postgres')
    await interruptUnderLoad(t, engine, [engine.kill, engine.kill])
  })

  test('postgres: a database that is opened before its server is available reports that, and works once it is', async (t: TestContext) => {
    const engine = await startEngine(t, 'postgres')
    const url = faultsDatabaseOn(engine)
    await migrateDatabase(url, { migrations }, 'up')
    await engine.stop()
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    await t.assert.rejects(database.ping(), /does not respond/)
    t.assert.equal(await commitPair(database, 'a'), 'dependency_down')
    await engine.restart()
    await until(async () => (await commitPair(database, 'b')) === 'done', withinMs)
    await database.ping()
    t.assert.equal(await count(database.query), 2)
  })

  test('postgres: a server that hangs does not block callers for long, and is used again when it resumes', async (t: TestContext) => {
    const engine = await startEngine(t, 'postgres')
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

  test('postgres: ping rejects with the pending migrations, or because there is no such database', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const missing = await openDatabase<Tables>(url, { migrations })
    t.after(() => missing.close())
    await t.assert.rejects(missing.ping(), /does not exist: run quintet migrate up/)
    await migrateDatabase(url, { migrations }, 'up')
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    await database.ping()
    await migrateDatabase(url, { migrations }, 'down')
    await t.assert.rejects(database.ping(), /0002-create-outbox.*run quintet migrate up/)
    const outdated = await openDatabase<Tables>(url, { migrations })
    t.after(() => outdated.close())
    await t.assert.rejects(outdated.ping(), /0002-create-outbox.*run quintet migrate up/)
    await migrateDatabase(url, { migrations }, 'up')
    for (const open of [database, outdated]) await open.ping()
  })

  test('postgres: a wrong password is reported as such, and is in no error', async (t: TestContext) => {
    const url = Object.assign(new URL(server), { password: 'not-the-password' }).href
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    const error = await database.ping().catch((fault: unknown) => fault)
    t.assert.ok(error instanceof AppError)
    t.assert.match(error.message, /refuses the user or the password/)
    t.assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /not-the-password/)
  })
}

function testUnits(server: string): void {
  test('postgres: units that deadlock are retried, and all succeed', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const [one, two] = [await open(t, url), await open(t, url)]
    await one.query
      .insertInto('account')
      .values([
        { id: 'a', balance: 0 },
        { id: 'b', balance: 0 },
      ])
      .execute()
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

  test('postgres: a row that another transaction has locked fails its own unit after a while, and no other', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await database.query
      .insertInto('account')
      .values([
        { id: 'locked', balance: 0 },
        { id: 'free', balance: 0 },
      ])
      .execute()
    const holder = new pg.Client(url)
    await holder.connect()
    t.after(() => holder.end())
    await holder.query("begin; update account set balance = 1 where id = 'locked'")
    const raise = (id: string) => database.commit([raised(database, id)])
    const locked = raise('locked').catch((error: unknown) => error)
    await pause(50)
    await add(database.query, 'beside').execute()
    t.assert.ok((await locked) instanceof AppError)
    await holder.query('commit')
    await raise('locked')
  })

  test('postgres: a row that another transaction has locked does not fail the other units of the batch', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    const ids = ['locked', ...Array.from({ length: 20 }, (_, i) => `free ${i}`)]
    await database.query
      .insertInto('account')
      .values(ids.map((id) => ({ id, balance: 0 })))
      .execute()
    const holder = new pg.Client(url)
    await holder.connect()
    t.after(() => holder.end())
    await holder.query("begin; update account set balance = 1 where id = 'locked'")
    const raise = (id: string) => commitOf(() => database.commit([raised(database, id)]))
    const [locked, ...free] = ids.map(raise)
    t.assert.deepEqual(new Set(await Promise.all(free)), new Set(['done']))
    t.assert.equal(await locked, 'overloaded')
  })
}

function testDeadlines(server: string): void {
  test('postgres: a unit whose deadline passes while it waits for a lock changes nothing', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await add(database.query, 'locked', 0).execute()
    const raise = (withinMs: number) =>
      commitOf(() => database.commit([raised(database, 'locked')], { before: performance.now() + withinMs }))
    // Makes what units of this shape need, so that the next one is at the lock at once.
    for (let i = 0; i < 4; i++) t.assert.equal(await raise(60_000), 'done')
    const holder = new pg.Client(url)
    await holder.connect()
    t.after(() => holder.end())
    await holder.query("begin; update account set balance = 5 where id = 'locked'")
    const late = raise(80)
    await pause(150)
    await holder.query('commit')
    t.assert.equal(await late, 'overloaded')
    const rows = await database.query.selectFrom('account').selectAll().execute()
    t.assert.deepEqual(rows, [{ id: 'locked', balance: 5 }])
  })

  test('postgres: while the commit of a killed session hangs, settle rejects; once it has ended, settle resolves and the unit is visible', async (t: TestContext) => {
    const engine = await startEngine(t, 'postgres')
    const url = faultsDatabaseOn(engine)
    const database = await open(t, url)
    await database.settle()
    const hung = await hangCommits(url)
    const victim = new pg.Client(url)
    victim.on('error', () => {})
    await victim.connect()
    victim.query("insert into account values ('a', 0)").catch(() => {})
    await until(async () => (await hung.count()) === 1, withinMs)
    victim.connection.stream.destroy()
    await t.assert.rejects(database.settle(), /does not end/)
    t.assert.equal(await count(database.query), 0)
    await hung.release()
    await until(async () => (await commitOf(database.settle)) === 'done', withinMs)
    t.assert.equal(await count(database.query), 1)
  })
}

function testHangs(): void {
  test('postgres: while commits hang, further ones are refused without another session for each; reads go on, and commits resume at once', async (t: TestContext) => {
    const engine = await startEngine(t, 'postgres')
    const url = faultsDatabaseOn(engine)
    // The name of the sessions, by which they are counted, may be given.
    const database = await open(t, `${url}?application_name=other`)
    const hung = await hangCommits(url)
    // Units of one shape share a session, so each has its own.
    const idsOf = (round: string) =>
      Array.from({ length: 8 }, (_, i) => Array.from({ length: i + 1 }, (_, k) => `${round} ${i} ${k}`))
    const commitAll = (round: string) =>
      Promise.all(
        idsOf(round).map((ids) =>
          commitOf(() => database.commit(ids.map((id) => add(database.query, id).compile()))),
        ),
      )
    t.assert.deepEqual(new Set(await commitAll('first')), new Set(['outcome_unknown']))
    const sessions = await hung.count()
    for (const round of ['second', 'third'])
      t.assert.deepEqual(new Set(await commitAll(round)), new Set(['dependency_down']))
    t.assert.equal(await hung.count(), sessions)
    t.assert.equal(await count(database.query), 0)
    await hung.release()
    await until(async () => (await commitPair(database, 'after')) === 'done', 2_000)
    const rows = await database.query.selectFrom('account').select('id').execute()
    t.assert.deepEqual(
      rows.filter(({ id }) => /^(second|third)/.test(id)),
      [],
    )
  })
}

function testMigrations(server: string): void {
  test('postgres: tables that are altered under a running service can still be read and written', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await add(database.query, 'a', 0).execute()
    const find = database.query.selectFrom('account').selectAll().compile()
    const all = (work: () => Promise<unknown>) => Promise.all(Array.from({ length: 20 }, work))
    const use = async () => {
      await all(async () => database.read(find))
      await all(() => database.commit([raised(database, 'a')]))
      await database.read(find)
    }
    await use()
    const other = new pg.Client(url)
    await other.connect()
    t.after(() => other.end())
    await other.query("alter table account add column note text default 'new'")
    await use()
    t.assert.deepEqual(await database.read(find), [{ id: 'a', balance: 40, note: 'new' }])
  })

  test('postgres: units are refused until all migrations are applied, and executed from then on', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    t.assert.equal(await commitPair(database, 'a'), 'dependency_down')
    await migrateDatabase(url, { migrations }, 'up')
    await migrateDatabase(url, { migrations }, 'down')
    t.assert.equal(await commitPair(database, 'a'), 'dependency_down')
    await migrateDatabase(url, { migrations }, 'up')
    t.assert.equal(await commitPair(database, 'a'), 'done')
    t.assert.equal(await count(database.query), 2)
  })
}

function testOutcomes(server: string): void {
  test('postgres: a unit whose connection is lost before the response is applied once or not at all, and rejects with outcome_unknown', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const straight = await open(t, url)
    const proxy = await startProxy(t, server)
    const database = await openDatabase<Tables>(proxy.through(url), { migrations })
    t.after(() => database.close())
    for (const id of ['a', 'b', 'c', 'd']) t.assert.equal(await commitPair(database, id), 'done')
    proxy.dropResponses()
    const outcomes = await Promise.all(['e', 'f', 'g'].map((id) => commitPair(database, id)))
    t.assert.deepEqual(outcomes, ['outcome_unknown', 'outcome_unknown', 'outcome_unknown'])
    await proxy.pass()
    await until(async () => (await commitPair(database, 'h')) === 'done', withinMs)
    t.assert.equal(await count(straight.query), 16)
  })

  test('postgres: a text with U+0000 fails its own unit only', async (t: TestContext) => {
    const { query } = await open(t, freshDatabaseOn(server))
    const adding = ['a', 'b\0', 'c'].map((id) => add(query, id).execute())
    const outcomes = await Promise.allSettled(adding)
    t.assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  })
}
