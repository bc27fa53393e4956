import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as immediately } from 'node:timers/promises'
import { prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { sql } from 'kysely'
import { add, count, demanding, open } from './database-world.ts'
import type { CreateDatabaseUrl } from './database-world.ts'

/** What concurrent reads and units do on every SQL database. */
export function testConcurrency(createUrl: CreateDatabaseUrl): void {
  test('a read that follows the response to a write sees it, a thousand times', async (t: TestContext) => {
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

  test('a read that follows the response to a write sees it although another read began before', async (t: TestContext) => {
    const { query, commit, read } = await open(t, createUrl(t))
    await add(query, 'a', 0).execute()
    const find = query.selectFrom('account').select('balance').compile()
    for (let round = 1; round <= 20; round += 1) {
      const committing = commit([query.updateTable('account').set({ balance: round }).compile()])
      // The unit is in flight: a snapshot that is opened now is older than the commit, and still open then.
      await immediately()
      await read(find)
      for (const endMs = performance.now() + 5; performance.now() < endMs; );
      await committing
      const [row] = await read(find)
      t.assert.equal(row?.balance, round)
    }
  })

  test('of a hundred units that compete for one row, one succeeds', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 1).execute()
    const take = query
      .updateTable('account')
      .set({ balance: 0 })
      .where('id', '=', 'a')
      .where('balance', '=', 1)
      .compile()
    const unitOf = (i: number) => [demanding(take), add(query, `winner ${i}`).compile()]
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => commit(unitOf(i))))
    t.assert.equal(outcomes.filter(({ failedStatement }) => failedStatement === undefined).length, 1)
    t.assert.equal(await count(query), 2)
  })

  test('concurrent transfers of two clients keep the sum of all accounts, and no read sees half of one', async (t: TestContext) => {
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
        demanding(move(names[i % 4], -amount)),
        demanding(move(names[(i + 1 + (i % 3)) % 4], amount)),
      ])
      const [row] = await read(total)
      t.assert.equal(Number(row?.total), 200)
    })
    await Promise.all(transfers)
  })

  test('units of one caller are executed in the order in which they were committed', async (t: TestContext) => {
    const { query, commit } = await open(t, createUrl(t))
    await add(query, 'a', 0).execute()
    const step = (from: number) => [
      demanding(
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
