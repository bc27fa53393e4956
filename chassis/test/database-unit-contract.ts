import { test } from 'node:test'
import type { TestContext } from 'node:test'
import {
  deleteSelected,
  dialectOf,
  prepareQuery,
  referenceInText,
  returnedBy,
  skipLocked,
  valuePlaceholder,
} from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { sql } from 'kysely'
import type { CompiledQuery } from 'kysely'
import { add, count, demanding, open, removal, returning } from './database-world.ts'
import type { CreateDatabaseUrl } from './database-world.ts'

/** What units do on every SQL database. */
export function testUnits(createUrl: CreateDatabaseUrl): void {
  testReferences(createUrl)
  testResults(createUrl)
  testFailures(createUrl)
  testBatches(createUrl)
}

function testReferences(createUrl: CreateDatabaseUrl): void {
  test('a parameter can refer to a value that an earlier statement of the unit returns, by itself or within a text', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insert = prepareQuery((p: Placeholders<{ id: string; balance: number }>) =>
      query.insertInto('account').values({ id: p.id, balance: sql<number>`${p.balance} + 1` }),
    )
    const units = Array.from({ length: 50 }, (_, i) => {
      const first = returning(query, insert({ id: `${i}`, balance: i }), `${i}`)
      const balance = returnedBy(first.returned, 'balance')
      const id = referenceInText(balance, `<${valuePlaceholder}> of ${i}, again ${valuePlaceholder}`)
      const second = returning(query, insert({ id, balance }), `<${i + 1}> of ${i}, again ${i + 1}`)
      return commit([...first.statements, ...second.statements])
    })
    for (const [i, { results }] of (await Promise.all(units)).entries())
      t.assert.deepEqual(results.at(-1)?.rows, [{ id: `<${i + 1}> of ${i}, again ${i + 1}`, balance: i + 2 }])
  })

  test('a reference to what no earlier statement returns fails its own unit only', async (t: TestContext) => {
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

  test('a reference to a row that was not returned fails its own unit only, however often that happens', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const raise = prepareQuery((p: Placeholders<{ id: string }>) =>
      query.updateTable('account').set({ balance: 1 }).where('id', '=', p.id),
    )
    const insert = prepareQuery((p: Placeholders<{ id: string; balance: number }>) =>
      query.insertInto('account').values({ id: p.id, balance: sql<number>`coalesce(${p.balance}, 7)` }),
    )
    const unit = (of: string, id: string) => {
      const { statements, returned } = returning(query, raise({ id: of }), of)
      return commit([...statements, insert({ id, balance: returnedBy(returned, 'balance') })])
    }
    await add(query, 'a', 0).execute()
    for (let round = 0; round < 5; round += 1) {
      const [good, bad] = await Promise.allSettled([unit('a', `${round}`), unit('nobody', `bad ${round}`)])
      t.assert.equal(good.status, 'fulfilled')
      t.assert.ok(bad.status === 'rejected' && !(bad.reason instanceof AppError))
    }
    t.assert.equal(await count(query), 6)
  })
}

function testResults(createUrl: CreateDatabaseUrl): void {
  test('an insert that conflicts with a row and leaves it, or may not update it, counts 0', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insert = (ids: string[], balance: number) =>
      query.insertInto('account').values(ids.map((id) => ({ id, balance })))
    const changed = async (statement: { compile(): CompiledQuery }) =>
      (await commit([statement.compile()])).results[0]?.changes
    const inserted = (ids: string[]) =>
      insert(ids, 1).onConflict((conflict) => conflict.column('id').doNothing())
    const updated = (balance: number, below: number) =>
      insert(['a'], balance).onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((row) => ({ balance: row.ref('excluded.balance'), id: row.ref('excluded.id') }))
          .where('account.balance', '<', below),
      )
    t.assert.equal(await changed(inserted(['a'])), 1)
    t.assert.equal(await changed(inserted(['a'])), 0)
    t.assert.equal(await changed(inserted(['a', 'b', 'c'])), 2)
    t.assert.equal(await changed(updated(5, 1)), 0)
    t.assert.equal(await changed(updated(5, 2)), 1)
    const rows = await query.selectFrom('account').selectAll().orderBy('id').execute()
    t.assert.deepEqual(
      rows.map(({ id, balance }) => `${id} ${balance}`),
      ['a 5', 'b 1', 'c 1'],
    )
  })

  test('an update counts the rows that it matches, changed or not', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 1).execute()
    const same = query.updateTable('account').set({ balance: 1 }).where('id', '=', 'a').compile()
    t.assert.equal((await commit([demanding(same), demanding(same)])).failedStatement, undefined)
  })

  test('deleteSelected() deletes the rows whose keys a select returns', async (t: TestContext) => {
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

  test('a unit returns the rows and the count of each of its statements, which see the effects of earlier ones', async (t: TestContext) => {
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

  test('an empty unit succeeds', async (t: TestContext) => {
    const { commit } = await open(t, createUrl(t))
    t.assert.deepEqual(await commit([]), { results: [] })
  })
}

function testFailures(createUrl: CreateDatabaseUrl): void {
  test('where a statement that must affect rows makes an error, commit rejects with it and nothing is changed', async (t: TestContext) => {
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

  test('a statement that must affect rows and affects none fails its unit, which changes nothing', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unit = [add(query, 'a').compile(), demanding(removal(query, 'nobody')), add(query, 'b').compile()]
    t.assert.deepEqual(await commit(unit), { failedStatement: 1, results: [] })
    t.assert.equal(await count(query), 0)
  })

  test('a select that must affect rows fails its unit when it finds none', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const found = demanding(query.selectFrom('account').select('id').where('id', '=', 'a').compile())
    t.assert.equal((await commit([found, add(query, 'b').compile()])).failedStatement, 0)
    await add(query, 'a').execute()
    t.assert.equal((await commit([found, add(query, 'b').compile()])).failedStatement, undefined)
    t.assert.equal(await count(query), 2)
  })

  test('a unit that violates a constraint changes nothing and is no fault of the engine', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a').execute()
    const broken = commit([add(query, 'b').compile(), add(query, 'a').compile()])
    await t.assert.rejects(broken, (error) => !(error instanceof AppError))
    t.assert.equal(await count(query), 1)
  })
}

function testBatches(createUrl: CreateDatabaseUrl): void {
  test('each unit of a batch has its own outcome', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const unitOf = (i: number): Statement[] => {
      const first = add(query, `${i}`).compile()
      if (i % 4 === 1) return [first, demanding(removal(query, 'nobody'))]
      if (i % 4 === 2) return [first, add(query, `${i}`).compile()]
      if (i % 4 === 3) return [first, { sql: 'this is not SQL', parameters: [] }]
      return [first]
    }
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => commit(unitOf(i))))
    const results = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? 'rejected' : (outcome.value.failedStatement ?? 'done'),
    )
    t.assert.deepEqual(
      results,
      Array.from({ length: 200 }, (_, i) => ['done', 1, 'rejected', 'rejected'][i % 4]),
    )
    t.assert.equal(await count(query), 50)
  })

  test('of many units that only insert, each with a taken key fails with all of its rows, and no other does', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    const insertNew = prepareQuery((p: Placeholders<{ id: string }>) =>
      query
        .insertInto('account')
        .values({ id: p.id, balance: 1 })
        .onConflict((conflict) => conflict.column('id').doNothing()),
    )
    const unit = (i: number): Statement[] => [
      { ...insertNew({ id: `${i % 70}` }), mustAffectRows: true },
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

  test('a statement or a value that the engine refuses fails its own unit only, and later units are not mixed up', async (t: TestContext) => {
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

  test('a unit whose deadline has passed is refused and changes nothing, and others of the batch are executed', async (t: TestContext) => {
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

  test('closing does not wait for units that are all late', { timeout: 10_000 }, async (t: TestContext) => {
    const { query, commit, close } = await open(t, createUrl(t))
    const late = t.assert.rejects(commit([add(query, 'late').compile()], { before: performance.now() - 1 }), {
      code: 'overloaded',
    })
    await Promise.all([late, close()])
  })
}
