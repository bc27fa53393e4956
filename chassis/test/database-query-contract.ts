import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { asText, dialectOf, prepareQuery, prepareUntilSum } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { add, count, open } from './database-world.ts'
import type { CreateDatabaseUrl } from './database-world.ts'

/** What queries do on every SQL database. */
export function testQueries(createUrl: CreateDatabaseUrl): void {
  testTexts(createUrl)
  testBuiltQueries(createUrl)
  testSums(createUrl)
}

function testTexts(createUrl: CreateDatabaseUrl): void {
  test('text is read as it was stored, whatever characters it has', async (t: TestContext) => {
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

  test('text is read as it was stored where many are written and read in one batch', async (t: TestContext) => {
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
    // In rounds, since an engine may batch only what it has executed a few times; then the plain texts by themselves.
    for (const round of ['first', 'second', 'third'])
      for (const group of [texts, texts.filter((text) => !/\p{Cc}/u.test(text))]) {
        const rows = group.map((text, n) => ({ id: `${round}-${group.length}-${n}${text}`, balance: n }))
        await Promise.all(rows.map((row) => query.insertInto('account').values(row).execute()))
        const find = (id: string) => query.selectFrom('account').selectAll().where('id', '=', id).execute()
        t.assert.deepEqual((await Promise.all(rows.map(({ id }) => find(id)))).flat(), rows)
      }
  })
}

function testBuiltQueries(createUrl: CreateDatabaseUrl): void {
  test('a built query inserts, selects, updates and deletes, and returns how many rows it affected', async (t: TestContext) => {
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

  test('a prepared query binds its parameters by name, as often as a name occurs, and keeps its constants', async (t: TestContext) => {
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

  test('more different statements than are kept prepared are all executed as what they are', async (t: TestContext) => {
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

function testSums(createUrl: CreateDatabaseUrl): void {
  test('the rows of a select up to the one with which a sum is reached are read, and no others', async (t: TestContext) => {
    const database = await open(t, createUrl(t))
    for (const [n, balance] of [5, 1, 30, 2, 2, 100].entries())
      await add(database.query, `r${n}`, balance).execute()
    const read = prepareUntilSum(
      database.query,
      (p: Placeholders<{ after: string; limit: number; reaches: number }>) =>
        database.query
          .selectFrom('account')
          .select(['id', 'balance'])
          .where('id', '>', p.after)
          .orderBy('id')
          .limit(p.limit),
      { column: 'balance', orderBy: ['id'] },
    )
    const cases = [
      [{ after: '', limit: 10, reaches: 36 }, ['r0', 'r1', 'r2']],
      [{ after: '', limit: 10, reaches: 37 }, ['r0', 'r1', 'r2', 'r3']],
      [{ after: '', limit: 2, reaches: 37 }, ['r0', 'r1']],
      [{ after: 'r1', limit: 10, reaches: 1 }, ['r2']],
      [{ after: 'r4', limit: 10, reaches: 1 }, ['r5']],
      [{ after: 'r2', limit: 10, reaches: Number.MAX_SAFE_INTEGER }, ['r3', 'r4', 'r5']],
      [{ after: 'r5', limit: 10, reaches: 1 }, []],
    ] as const
    for (const [values, expected] of cases)
      t.assert.deepEqual(
        (await database.read(read(values))).map(({ id }) => id),
        expected,
      )
    // An engine may execute reads of one text that arrive together as one.
    const together = await Promise.all(cases.map(([values]) => database.read(read(values))))
    t.assert.deepEqual(
      together.map((rows) => rows.map(({ id }) => id)),
      cases.map(([, expected]) => expected),
    )
  })
}
