import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as immediately } from 'node:timers/promises'
import {
  asText,
  dialectOf,
  referenceInText,
  lowerCase,
  migrateDatabase,
  migrateUp,
  skipLocked,
  openDatabase,
  valuePlaceholder,
  prepareQuery,
  deleteSelected,
  returnedBy,
  withMigrator,
} from '@quintet/chassis/database'
import type { Database, MigrationAction, Placeholders, Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { sql } from 'kysely'
import type { CompiledQuery } from 'kysely'

export type Tables = { account: { id: string; balance: number } }

/** Names an empty database of its own for one test. */
export type CreateDatabaseUrl = (t: TestContext) => string

/** The table `account`, whose balance is never negative, and the outbox. */
export const migrations = new URL('./migrations/', import.meta.url)

/** What every SQL database adapter keeps. */
export function testDatabase(name: string, createUrl: CreateDatabaseUrl): void {
  describe(`database contract: ${name}`, () => {
    testQueries(createUrl)
    testUnits(createUrl)
    testConcurrency(createUrl)
    testDurability(createUrl)
    testClosing(createUrl)
  })
}

function testQueries(createUrl: CreateDatabaseUrl): void {
  test('a built query inserts, selects, updates and deletes, and says how many rows it touched', async (t: TestContext) => {
    const { query } = await open(t, createUrl(t))
    const rows = ['a', 'b', 'c'].map((id) => ({ id, balance: 1 }))
    const inserted = await query.insertInto('account').values(rows).executeTakeFirst()
    t.assert.equal(inserted.numInsertedOrUpdatedRows, 3n)
    const updated = await query
      .updateTable('account')
      .set({ balance: 2 })
      .where('id', '>', 'a')
      .executeTakeFirst()
    t.assert.equal(updated.numUpdatedRows, 2n)
    const deleted = await query.deleteFrom('account').where('id', '=', 'b').executeTakeFirst()
    t.assert.equal(deleted.numDeletedRows, 1n)
    t.assert.deepEqual(await query.selectFrom('account').selectAll().orderBy('id').execute(), [
      { id: 'a', balance: 1 },
      { id: 'c', balance: 2 },
    ])
  })

  test('text comes back as it was stored, whatever is in it', async (t: TestContext) => {
    const { query } = await open(t, createUrl(t))
    const ids = ["'; drop table account; --", '\u0001', '𝄞 ä \u2028', '?', '%_\\', '{"a,b"}', 'null', ' ']
    await query
      .insertInto('account')
      .values(ids.map((id) => ({ id, balance: 1 })))
      .execute()
    for (const id of ids) {
      const found = await query.selectFrom('account').select('id').where('id', '=', id).execute()
      t.assert.deepEqual(found, [{ id }])
    }
  })

  test('text comes back as it was stored where many travel together', async (t: TestContext) => {
    const { query } = await open(t, createUrl(t))
    const texts = [
      '\u0001',
      '\t\r\n',
      '"',
      '\\',
      '\\"',
      "\\'",
      '{"a,b"}',
      '{}',
      'null',
      'NULL',
      '',
      ' ',
      '𝄞 ä \u2028',
      '\u0085',
    ]
    // Twice, since an engine may only run together what it has seen a few times; then those that are plain, by themselves.
    for (const round of ['first', 'second', 'third'])
      for (const group of [texts, texts.filter((text) => !/\p{Cc}/u.test(text))]) {
        const rows = group.map((text, n) => ({ id: `${round}-${group.length}-${n}${text}`, balance: n }))
        await Promise.all(rows.map((row) => query.insertInto('account').values(row).execute()))
        const find = (id: string) => query.selectFrom('account').selectAll().where('id', '=', id).execute()
        t.assert.deepEqual((await Promise.all(rows.map(({ id }) => find(id)))).flat(), rows)
      }
  })

  test('lowered() lowers the letters of every script', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const lower = sql<{ one: string }>`select ${lowerCase(query, sql.lit('ÄΣЖ i Z'))} as one`
    t.assert.deepEqual((await lower.execute(query)).rows, [{ one: 'äσж i z' }])
    t.assert.deepEqual((await commit([lower.compile(query)])).results[0]?.rows, [{ one: 'äσж i z' }])
  })

  test('a prepared query is bound by name, as often as a name occurs, and keeps what was built in', async (t: TestContext) => {
    const { query, commit, read } = await open(t, createUrl(t))
    const integer = sql.raw(dialectOf(query) === 'mysql' ? 'signed' : 'integer')
    const insert = prepareQuery((p: Placeholders<{ id: string; amount: number }>) =>
      query.insertInto('account').values({
        id: p.id,
        balance: sql<number>`cast(${p.amount} as ${integer}) + cast(${p.amount} as ${integer}) + ${100}`,
      }),
    )
    const find = prepareQuery((p: Placeholders<{ id: string }>) =>
      query.selectFrom('account').selectAll().where('id', '=', p.id).where('balance', '>', 100),
    )
    await commit([insert({ id: 'a', amount: 1 }), insert({ amount: 2, id: 'b' })])
    t.assert.deepEqual(await read(find({ id: 'a' })), [{ id: 'a', balance: 102 }])
    t.assert.deepEqual(await read(find({ id: 'b' })), [{ id: 'b', balance: 104 }])
  })

  test('more different statements than are kept prepared all do what they say', async (t: TestContext) => {
    const { query } = await open(t, createUrl(t))
    const add = (i: number) =>
      query
        .insertInto('account')
        .values({ id: `${i}`, balance: sql.lit(i) })
        .execute()
    await Promise.all(Array.from({ length: 700 }, (_, i) => add(i)))
    for (let i = 700; i < 1200; i += 1) await add(i)
    const wrong = asText(query, sql.ref('balance'))
    t.assert.deepEqual(await query.selectFrom('account').select('id').where('id', '<>', wrong).execute(), [])
    t.assert.equal(await count(query), 1200)
  })

  test('an interactive transaction is refused, because others would have to wait for it', async (t: TestContext) => {
    const { query } = await open(t, createUrl(t))
    const transaction = query.transaction().execute((own) => add(own, 'a').execute())
    await t.assert.rejects(transaction, /commit\(\)/)
  })
}

function testUnits(createUrl: CreateDatabaseUrl): void {
  test('a statement is given what an earlier one of its unit returns, by itself or within a text', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insert = prepareQuery((p: Placeholders<{ id: string; balance: number }>) =>
      query.insertInto('account').values({ id: p.id, balance: sql<number>`${p.balance} + 1` }),
    )
    const units = Array.from({ length: 50 }, (_, i) => {
      const first = telling(query, insert({ id: `${i}`, balance: i }), `${i}`)
      const balance = returnedBy(first.told, 'balance')
      const id = referenceInText(balance, `<${valuePlaceholder}> of ${i}, again ${valuePlaceholder}`)
      const second = telling(query, insert({ id, balance }), `<${i + 1}> of ${i}, again ${i + 1}`)
      return commit([...first.statements, ...second.statements])
    })
    for (const [i, { results }] of (await Promise.all(units)).entries())
      t.assert.deepEqual(results.at(-1)?.rows, [{ id: `<${i + 1}> of ${i}, again ${i + 1}`, balance: i + 2 }])
  })

  test('a statement that refers to what none before it returns fails its unit alone', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insert = prepareQuery((p: Placeholders<{ id: string }>) =>
      query.insertInto('account').values({ id: p.id, balance: 1 }),
    )
    const returnsNothing = insert({ id: 'a' })
    const [good, bad] = await Promise.allSettled([
      commit([insert({ id: 'b' })]),
      commit([returnsNothing, insert({ id: returnedBy(returnsNothing, 'id') })]),
    ])
    t.assert.equal(good.status, 'fulfilled')
    t.assert.equal(bad.status, 'rejected')
    t.assert.equal(await count(query), 1)
  })

  test('a statement that refers to a row that was not returned fails its unit alone, however often that happens', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const raise = prepareQuery((p: Placeholders<{ id: string }>) =>
      query.updateTable('account').set({ balance: 1 }).where('id', '=', p.id),
    )
    const insert = prepareQuery((p: Placeholders<{ id: string; balance: number }>) =>
      query.insertInto('account').values({ id: p.id, balance: sql<number>`coalesce(${p.balance}, 7)` }),
    )
    const unit = (of: string, id: string) => {
      const { statements, told } = telling(query, raise({ id: of }), of)
      return commit([...statements, insert({ id, balance: returnedBy(told, 'balance') })])
    }
    await add(query, 'a', 0).execute()
    for (let round = 0; round < 5; round += 1) {
      const [good, bad] = await Promise.allSettled([unit('a', `${round}`), unit('nobody', `bad ${round}`)])
      t.assert.equal(good.status, 'fulfilled')
      t.assert.ok(bad.status === 'rejected' && !(bad.reason instanceof AppError))
    }
    t.assert.equal(await count(query), 6)
  })

  test('an insert that meets a row and leaves it, or may not change it, counts as none', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insert = (ids: string[], balance: number) =>
      query.insertInto('account').values(ids.map((id) => ({ id, balance })))
    const changed = async (statement: { compile(): CompiledQuery }) =>
      (await commit([statement.compile()])).results[0]?.changes
    const leaving = (ids: string[]) =>
      insert(ids, 1).onConflict((conflict) => conflict.column('id').doNothing())
    const taking = (balance: number, below: number) =>
      insert(['a'], balance).onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((row) => ({ balance: row.ref('excluded.balance'), id: row.ref('excluded.id') }))
          .where('account.balance', '<', below),
      )
    t.assert.equal(await changed(leaving(['a'])), 1)
    t.assert.equal(await changed(leaving(['a'])), 0)
    t.assert.equal(await changed(leaving(['a', 'b', 'c'])), 2)
    t.assert.equal(await changed(taking(5, 1)), 0)
    t.assert.equal(await changed(taking(5, 2)), 1)
    const rows = await query.selectFrom('account').selectAll().orderBy('id').execute()
    t.assert.deepEqual(
      rows.map(({ id, balance }) => `${id} ${balance}`),
      ['a 5', 'b 1', 'c 1'],
    )
  })

  test('an update counts the rows that it finds, changed or not', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 1).execute()
    const same = query.updateTable('account').set({ balance: 1 }).where('id', '=', 'a').compile()
    t.assert.equal((await commit([required(same), required(same)])).failedStatement, undefined)
  })

  test('removeFound() removes the rows whose keys a select gives', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await query
      .insertInto('account')
      .values(['a', 'b', 'c', 'd'].map((id, balance) => ({ id, balance })))
      .execute()
    const poorest = skipLocked(query, query.selectFrom('account').select('id').orderBy('balance').limit(2))
    const { results } = await commit([
      deleteSelected(query, 'account', 'id', poorest).compile(),
      deleteSelected(query, 'account', 'balance', sql`(select 3 as balance)`).compile(),
    ])
    t.assert.deepEqual(
      results.map(({ changes }) => changes),
      [2, 1],
    )
    t.assert.deepEqual(await query.selectFrom('account').select('id').execute(), [{ id: 'c' }])
  })

  test('a required statement that makes an error has commit reject with it, and nothing is changed', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    class Refusal extends Error {}
    const remove = query.deleteFrom('account').where('id', '=', 'nobody').compile()
    const refused = commit([
      add(query, 'a').compile(),
      { ...remove, mustAffectRows: () => new Refusal() },
      add(query, 'b').compile(),
    ])
    await t.assert.rejects(refused, Refusal)
    t.assert.equal(await count(query), 0)
  })

  test('a unit gives the rows and the count of each of its statements, which see those before them', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const deposit = query.updateTable('account').set((row) => ({ balance: row('balance', '+', 5) }))
    const outcome = await commit([
      add(query, 'a').compile(),
      add(query, 'b').compile(),
      deposit.where('id', 'in', ['a', 'b']).compile(),
      query.selectFrom('account').selectAll().where('id', '=', 'b').compile(),
      query.deleteFrom('account').where('id', '=', 'b').compile(),
      query.selectFrom('account').select('balance').compile(),
      query.deleteFrom('account').where('id', '=', 'nobody').compile(),
    ])
    t.assert.equal(outcome.failedStatement, undefined)
    t.assert.deepEqual(
      outcome.results.map(({ changes }) => changes),
      [1, 1, 2, 1, 1, 1, 0],
    )
    t.assert.deepEqual(
      outcome.results.map(({ rows }) => rows.map((row) => ({ ...row }))),
      [[], [], [], [{ id: 'b', balance: 6 }], [], [{ balance: 6 }], []],
    )
  })

  test('a required statement that touches no row refuses its unit, which then changes nothing', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unit = [add(query, 'a').compile(), required(removal(query, 'nobody')), add(query, 'b').compile()]
    t.assert.deepEqual(await commit(unit), { failedStatement: 1, results: [] })
    t.assert.equal(await count(query), 0)
  })

  test('a required select refuses its unit when it finds nothing', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const known = required(query.selectFrom('account').select('id').where('id', '=', 'a').compile())
    t.assert.equal((await commit([known, add(query, 'b').compile()])).failedStatement, 0)
    await add(query, 'a').execute()
    t.assert.equal((await commit([known, add(query, 'b').compile()])).failedStatement, undefined)
    t.assert.equal(await count(query), 2)
  })

  test('a unit that breaks a constraint changes nothing and is no matter of the engine', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a').execute()
    const broken = commit([add(query, 'b').compile(), add(query, 'a').compile()])
    await t.assert.rejects(broken, (error) => !(error instanceof AppError))
    t.assert.equal(await count(query), 1)
  })

  test('each unit of a group has its own outcome', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unitOf = (i: number): Statement[] => {
      const first = add(query, `${i}`).compile()
      if (i % 4 === 1) return [first, required(removal(query, 'nobody'))]
      if (i % 4 === 2) return [first, add(query, `${i}`).compile()]
      if (i % 4 === 3) return [first, { sql: 'this is not SQL', parameters: [] }]
      return [first]
    }
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => commit(unitOf(i))))
    const told = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? 'rejected' : (outcome.value.failedStatement ?? 'done'),
    )
    t.assert.deepEqual(
      told,
      Array.from({ length: 200 }, (_, i) => ['done', 1, 'rejected', 'rejected'][i % 4]),
    )
    t.assert.equal(await count(query), 50)
  })

  test('of many units that only insert, each that meets a taken key is refused with all of its rows, and no other', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unless = prepareQuery((p: Placeholders<{ id: string }>) =>
      query
        .insertInto('account')
        .values({ id: p.id, balance: 1 })
        .onConflict((conflict) => conflict.column('id').doNothing()),
    )
    const unit = (i: number): Statement[] => [
      { ...unless({ id: `${i % 70}` }), mustAffectRows: true },
      add(query, `beside ${i}`).compile(),
    ]
    for (const [from, won] of [
      [0, 70],
      [70, 0],
    ] as const) {
      const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => commit(unit(from + i))))
      t.assert.equal(outcomes.filter(({ failedStatement }) => failedStatement === undefined).length, won)
      t.assert.ok(
        outcomes.slice(0, won).every(({ results }) => results.every(({ changes }) => changes === 1)),
      )
      t.assert.ok(outcomes.slice(won).every(({ failedStatement }) => failedStatement === 0))
    }
    t.assert.equal(await count(query), 140)
  })

  test('a statement or a value that the engine cannot take fails alone, and those after it are not confused', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const [one, two] = dialectOf(query) === 'postgres' ? ['$1', '$2'] : ['?', '?']
    const bad: Statement[] = [
      { sql: 'insert into nowhere values (1)', parameters: [] },
      { sql: `insert into account values (${one}, ${two})`, parameters: ['x', { not: 'a value' }] },
      { sql: `insert into account values (${one}, ${two})`, parameters: ['x', undefined] },
      { sql: `insert into account values (${one}, ${two})`, parameters: ['x'] },
    ]
    for (const [i, statement] of bad.entries()) {
      const failing = commit([statement])
      const fine = commit([{ sql: `insert into account values (${one}, ${i})`, parameters: [`after ${i}`] }])
      await t.assert.rejects(failing, (error) => !(error instanceof AppError))
      t.assert.equal((await fine).results[0]?.changes, 1)
    }
    t.assert.equal(await count(query), bad.length)
  })

  test('a unit that comes too late for its deadline is refused and changes nothing, beside others in time', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unit = (id: string) => [add(query, id).compile()]
    const outcomes = await Promise.allSettled([
      commit(unit('in time'), { before: performance.now() + 60_000 }),
      commit(unit('too late'), { before: performance.now() - 1 }),
      commit(unit('at any time')),
    ])
    t.assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const [, late] = outcomes
    t.assert.ok(late?.status === 'rejected' && late.reason instanceof AppError)
    t.assert.equal(late.reason.code, 'overloaded')
    t.assert.equal(await count(query), 2)
  })

  test('an empty unit is done', async (t: TestContext) => {
    const { commit } = await open(t, createUrl(t))
    t.assert.deepEqual(await commit([]), { results: [] })
  })
}

function testConcurrency(createUrl: CreateDatabaseUrl): void {
  test('a read that follows the answer to a write sees it, a thousand times', async (t: TestContext) => {
    const { query, commit, read } = await open(t, createUrl(t))
    await add(query, 'a', 0).execute()
    const set = prepareQuery((p: Placeholders<{ to: number }>) =>
      query.updateTable('account').set({ balance: p.to }),
    )
    const find = query.selectFrom('account').select('balance').compile()
    for (let round = 1; round <= 1000; round += 1) {
      await commit([set({ to: round })])
      const [row] = await read(find)
      t.assert.equal(row?.balance, round)
    }
  })

  test('a read that follows the answer to a write sees it although another read began before', async (t: TestContext) => {
    const { query, commit, read } = await open(t, createUrl(t))
    await add(query, 'a', 0).execute()
    const find = query.selectFrom('account').select('balance').compile()
    for (let round = 1; round <= 20; round += 1) {
      const answered = commit([query.updateTable('account').set({ balance: round }).compile()])
      // The unit is on its way: a view that is opened now is older than the answer, which finds it open.
      await immediately()
      await read(find)
      for (const endMs = performance.now() + 5; performance.now() < endMs; );
      await answered
      const [row] = await read(find)
      t.assert.equal(row?.balance, round)
    }
  })

  test('of a hundred units that want one thing, one gets it', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 1).execute()
    const take = query
      .updateTable('account')
      .set({ balance: 0 })
      .where('id', '=', 'a')
      .where('balance', '=', 1)
      .compile()
    const unitOf = (i: number) => [required(take), add(query, `winner ${i}`).compile()]
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => commit(unitOf(i))))
    t.assert.equal(outcomes.filter(({ failedStatement }) => failedStatement === undefined).length, 1)
    t.assert.equal(await count(query), 2)
  })

  test('transfers between accounts keep their sum, whoever makes them, and nobody reads half of one', async (t: TestContext) => {
    const url = createUrl(t)
    const databases = [await open(t, url), await open(t, url)]
    const [{ query, read }] = [databases[0] ?? (await open(t, url))]
    const names = ['a', 'b', 'c', 'd']
    await query
      .insertInto('account')
      .values(names.map((id) => ({ id, balance: 50 })))
      .execute()
    const total = query.selectFrom('account').select(sql<number>`sum(balance)`.as('total')).compile()
    const transfers = Array.from({ length: 600 }, async (_, i) => {
      const { commit } = databases[i % 2] ?? { commit: undefined }
      const amount = (i * 7) % 40
      const move = (id: string | undefined, by: number) =>
        query
          .updateTable('account')
          .set((row) => ({ balance: row('balance', '+', by) }))
          .where('id', '=', id ?? '')
          .where((row) => row(row('balance', '+', by), '>=', 0))
          .compile()
      await commit?.([
        required(move(names[i % 4], -amount)),
        required(move(names[(i + 1 + (i % 3)) % 4], amount)),
      ])
      const [row] = await read(total)
      t.assert.equal(Number(row?.total), 200)
    })
    await Promise.all(transfers)
  })

  test('units of one caller happen in the order in which they were given', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 0).execute()
    const step = (from: number) => [
      required(
        query
          .updateTable('account')
          .set({ balance: from + 1 })
          .where('balance', '=', from)
          .compile(),
      ),
    ]
    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, i) => commit(step(i))))
    t.assert.ok(outcomes.every(({ failedStatement }) => failedStatement === undefined))
  })
}

function testDurability(createUrl: CreateDatabaseUrl): void {
  test('looking at what is not there, or taking back from it, makes nothing', async (t: TestContext) => {
    const url = createUrl(t)
    const names = ['0001-create-account', '0002-create-outbox']
    const migrate = (action: MigrationAction) => migrateDatabase(url, { migrations }, action)
    const pending = names.map((name) => `${name} pending`)
    t.assert.deepEqual(await migrate('status'), pending)
    t.assert.deepEqual(await migrate('down'), [])
    t.assert.deepEqual(await migrate('status'), pending)
    if (url.startsWith('sqlite:')) t.assert.ok(!existsSync(url.slice('sqlite:'.length)))
    else {
      const database = await openDatabase(url, { migrations })
      t.after(() => database.close())
      await t.assert.rejects(database.ping(), { message: /does not exist/ })
    }
    t.assert.deepEqual(await migrate('up'), names)
    t.assert.deepEqual(
      await migrate('status'),
      names.map((name) => `${name} applied`),
    )
  })

  test('what was committed is there after closing and opening again', async (t: TestContext) => {
    const url = createUrl(t)
    const first = await open(t, url)
    await add(first.query, 'a').execute()
    await first.close()
    const second = await open(t, url)
    t.assert.equal(await count(second.query), 1)
  })

  test('what was answered is there after two writing processes were killed', async (t: TestContext) => {
    const url = createUrl(t)
    const answered: string[] = []
    const children = ['one', 'two'].map((name) =>
      fork(new URL('./database-process.ts', import.meta.url), [url, name, '20']),
    )
    await Promise.all(
      children.map(async (child) => {
        let told = 0
        const enough = Promise.withResolvers<void>()
        child.on('message', (id) => {
          answered.push(String(id))
          told += 1
          if (told === 500) enough.resolve()
        })
        await enough.promise
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      }),
    )
    const { query } = await open(t, url)
    const kept = new Set((await query.selectFrom('account').select('id').execute()).map(({ id }) => id))
    t.assert.ok(answered.length >= 1000)
    t.assert.deepEqual(
      answered.filter((id) => !kept.has(id)),
      [],
    )
  })

  test('a process sees what another one committed', async (t: TestContext) => {
    const url = createUrl(t)
    const { query } = await open(t, url)
    const child = fork(new URL('./database-process.ts', import.meta.url), [url, 'child'])
    const exited = once(child, 'exit')
    for (let seen = 0; seen < 20; seen += 1) {
      const [id] = await once(child, 'message')
      const found = await query.selectFrom('account').select('id').where('id', '=', String(id)).execute()
      t.assert.equal(found.length, 1)
    }
    child.disconnect()
    await exited
  })
}

function testClosing(createUrl: CreateDatabaseUrl): void {
  test('closing waits for what was given to be committed', async (t: TestContext) => {
    const url = createUrl(t)
    const { query, commit, close } = await open(t, url)
    const adding = Array.from({ length: 3000 }, (_, i) => commit([add(query, `${i}`).compile()]))
    const [outcomes] = await Promise.all([Promise.allSettled(adding), close()])
    const added = outcomes.filter(({ status }) => status === 'fulfilled').length
    const again = await open(t, url)
    t.assert.equal(added, 3000)
    t.assert.equal(await count(again.query), 3000)
  })

  test('a closed database refuses reads, writes and pings, and closing again is no fault', async (t: TestContext) => {
    const { query, close, ping } = await open(t, createUrl(t))
    await ping()
    await Promise.all([close(), close()])
    await close()
    const isDown = (error: unknown) => error instanceof AppError && error.code === 'dependency_down'
    await t.assert.rejects(add(query, 'a').execute(), isDown)
    await t.assert.rejects(query.selectFrom('account').selectAll().execute(), isDown)
    await t.assert.rejects(ping(), isDown)
  })
}

/** A change, and the statement that gives the row which it leaves: itself, or a select where there is no RETURNING. */
function telling(
  query: Database<Tables>['query'],
  change: CompiledQuery,
  id: string,
): { statements: Statement[]; told: Statement } {
  const told =
    dialectOf(query) === 'mysql'
      ? query.selectFrom('account').select(['id', 'balance']).where('id', '=', id).compile()
      : { sql: `${change.sql} returning "id", "balance"`, parameters: change.parameters }
  return { statements: dialectOf(query) === 'mysql' ? [change, told] : [told], told }
}

export async function open(t: TestContext, url: string): Promise<Database<Tables>> {
  // What is embedded brings itself up to date.
  if (!url.startsWith('sqlite:')) await withMigrator(url, { migrations }, migrateUp)
  const database = await openDatabase<Tables>(url, { migrations })
  t.after(() => database.close())
  return database
}

export function add(query: Database<Tables>['query'], id: string, balance = 1) {
  return query.insertInto('account').values({ id, balance })
}

export async function count(query: Database<Tables>['query']): Promise<number> {
  const { total } = await query
    .selectFrom('account')
    .select((row) => row.fn.countAll().as('total'))
    .executeTakeFirstOrThrow()
  return Number(total)
}

function removal(query: Database<Tables>['query'], id: string): CompiledQuery {
  return query.deleteFrom('account').where('id', '=', id).compile()
}

function required(statement: CompiledQuery): Statement {
  return { sql: statement.sql, parameters: statement.parameters, mustAffectRows: true }
}
