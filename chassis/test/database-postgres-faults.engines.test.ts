import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPrivateEngine } from '@quintet/backends'
import type { PrivateEngine } from '@quintet/backends'
import { migrateUp, openDatabase, withMigrator } from '@quintet/chassis/database'
import type { Database } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import pg from 'pg'
import { add, count, migrations, open } from './database-contract.ts'
import type { Tables } from './database-contract.ts'
import { engineUrl, freshDatabaseOn, until } from './testing.ts'

const withinMs = 20_000
const server = engineUrl('postgres')
if (server !== undefined) testFaults(server)

function testFaults(server: string): void {
  test('postgres: killed and started again amid a load, it has lost nothing that was answered and doubled nothing', async (t: TestContext) => {
    const engine = await start(t)
    const url = databaseOf(engine)
    const database = await open(t, url)
    const outcomes = new Map<string, string>()
    let stopped = false
    const client = async (name: string) => {
      for (let i = 0; !stopped; i++) {
        const id = `${name}-${i}`
        const outcome = await commit(database, id)
        outcomes.set(id, outcome)
        if (outcome !== 'done') await pause(5)
      }
    }
    const load = Promise.all(Array.from({ length: 16 }, (_, i) => client(`c${i}`)))
    for (let kill = 0; kill < 2; kill++) {
      const before = doneOf(outcomes).length
      await until(() => doneOf(outcomes).length > before + 200, withinMs)
      await engine.kill()
      await until(() => doneOf(outcomes).length < outcomes.size, withinMs)
      await engine.restart()
    }
    const before = doneOf(outcomes).length
    await until(() => doneOf(outcomes).length > before + 200, withinMs)
    stopped = true
    await load
    const kept = new Set(
      (await database.query.selectFrom('account').select('id').execute()).map(({ id }) => id),
    )
    t.assert.deepEqual(
      doneOf(outcomes).filter((id) => !kept.has(id)),
      [],
      'answered and lost',
    )
    const refused = [...outcomes].filter(([, outcome]) => outcome === 'dependency_down').map(([id]) => id)
    t.assert.deepEqual(
      refused.filter((id) => kept.has(id)),
      [],
      'refused and done all the same',
    )
    t.assert.ok(
      [...outcomes.values()].every((one) => ['done', 'dependency_down', 'outcome_unknown'].includes(one)),
    )
  })

  test('postgres: a database that opens before its server is there says so, and works once it is', async (t: TestContext) => {
    const engine = await start(t)
    const url = databaseOf(engine)
    await withMigrator(url, { migrations }, migrateUp)
    await engine.stop()
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    await t.assert.rejects(database.ping(), /does not answer/)
    t.assert.equal(await commit(database, 'a'), 'dependency_down')
    await engine.restart()
    await until(async () => (await commit(database, 'b')) === 'done', withinMs)
    await database.ping()
    t.assert.equal(await count(database.query), 2)
  })

  test('postgres: a server that has stopped answering does not hold anybody for long', async (t: TestContext) => {
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

  test('postgres: ping tells which migrations are not applied, or that there is no such database', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const missing = await openDatabase<Tables>(url, { migrations })
    t.after(() => missing.close())
    await t.assert.rejects(missing.ping(), /does not exist: run quintet migrate up/)
    await withMigrator(url, { migrations }, migrateUp)
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    await database.ping()
    await withMigrator(url, { migrations }, (migrator) => migrator.migrateDown())
    const outdated = await openDatabase<Tables>(url, { migrations })
    t.after(() => outdated.close())
    await t.assert.rejects(outdated.ping(), /0002-create-outbox.*run quintet migrate up/)
  })

  test('postgres: a wrong password is told as that, and is in no error', async (t: TestContext) => {
    const url = Object.assign(new URL(server), { password: 'not-the-password' }).href
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    const error = await database.ping().catch((fault: unknown) => fault)
    t.assert.ok(error instanceof AppError)
    t.assert.match(error.message, /refuses the user or the password/)
    t.assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /not-the-password/)
  })

  test('postgres: units that deadlock are tried again, and all are done', async (t: TestContext) => {
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

  test('postgres: a row that somebody holds refuses its own unit after a while, and no other', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    await database.query
      .insertInto('account')
      .values([
        { id: 'held', balance: 0 },
        { id: 'free', balance: 0 },
      ])
      .execute()
    const holder = new pg.Client(url)
    await holder.connect()
    t.after(() => holder.end())
    await holder.query("begin; update account set balance = 1 where id = 'held'")
    const raise = (id: string) => database.commit([raised(database, id)])
    const held = raise('held').catch((error: unknown) => error)
    await pause(50)
    await add(database.query, 'beside').execute()
    t.assert.ok((await held) instanceof AppError)
    await holder.query('commit')
    await raise('held')
  })

  test('postgres: a row that somebody holds does not fail the units that travel with it', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await open(t, url)
    const ids = ['held', ...Array.from({ length: 20 }, (_, i) => `free ${i}`)]
    await database.query
      .insertInto('account')
      .values(ids.map((id) => ({ id, balance: 0 })))
      .execute()
    const holder = new pg.Client(url)
    await holder.connect()
    t.after(() => holder.end())
    await holder.query("begin; update account set balance = 1 where id = 'held'")
    const raise = (id: string) => commitOf(() => database.commit([raised(database, id)]))
    const [held, ...free] = ids.map(raise)
    t.assert.deepEqual(new Set(await Promise.all(free)), new Set(['done']))
    t.assert.equal(await held, 'overloaded')
  })

  test('postgres: tables that change under a running service are read and written on', async (t: TestContext) => {
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

  test('postgres: what comes before the tables are made is told to wait, and is served once they are', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const database = await openDatabase<Tables>(url, { migrations })
    t.after(() => database.close())
    t.assert.equal(await commit(database, 'a'), 'dependency_down')
    await withMigrator(url, { migrations }, (migrator) => migrator.migrateUp())
    t.assert.equal(await commit(database, 'a'), 'dependency_down')
    await withMigrator(url, { migrations }, migrateUp)
    t.assert.equal(await commit(database, 'a'), 'done')
    t.assert.equal(await count(database.query), 2)
  })

  test('postgres: a unit whose connection breaks before it is answered is done once or not at all, and told to be unknown', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const straight = await open(t, url)
    const proxy = await startProxy(t, new URL(server))
    const database = await openDatabase<Tables>(proxy.through(url), { migrations })
    t.after(() => database.close())
    for (const id of ['a', 'b', 'c', 'd']) t.assert.equal(await commit(database, id), 'done')
    proxy.swallowAnswers()
    const outcomes = await Promise.all(['e', 'f', 'g'].map((id) => commit(database, id)))
    t.assert.deepEqual(outcomes, ['outcome_unknown', 'outcome_unknown', 'outcome_unknown'])
    proxy.recover()
    await until(async () => (await commit(database, 'h')) === 'done', withinMs)
    t.assert.equal(await count(straight.query), 16)
  })

  test('postgres: a text with the character that no text there can have is refused by itself', async (t: TestContext) => {
    const { query } = await open(t, freshDatabaseOn(server))
    const adding = ['a', 'b\0', 'c'].map((id) => add(query, id).execute())
    const outcomes = await Promise.allSettled(adding)
    t.assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
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

/** Stands before the server, and can lose what it answers together with the connection. */
async function startProxy(t: TestContext, target: URL) {
  let swallowing = false
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (bytes) => upstream.write(bytes)).on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', (bytes) => (swallowing ? client.destroy() : client.write(bytes)))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  return {
    through: (url: string) => Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href,
    swallowAnswers: () => {
      swallowing = true
    },
    recover: () => {
      swallowing = false
    },
  }
}

function doneOf(outcomes: ReadonlyMap<string, string>): string[] {
  return [...outcomes].filter(([, outcome]) => outcome === 'done').map(([id]) => id)
}

async function start(t: TestContext): Promise<PrivateEngine> {
  const engine = await startPrivateEngine('postgres')
  t.after(() => engine.dispose())
  return engine
}

function databaseOf(engine: PrivateEngine): string {
  return Object.assign(new URL(engine.url), { pathname: '/faults' }).href
}
