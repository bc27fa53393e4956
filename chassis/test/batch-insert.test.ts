import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { prepareQuery } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely'
import { batchInsertSql } from '../src/database/postgres/batch-insert.ts'

type Tables = { pair: { id: string; note: string | null } }

const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})
const insert = (values: Tables['pair']) => db.insertInto('pair').values(values)

test('an insert of one row of parameters becomes one of many rows, in their order', (t: TestContext) => {
  const expected = `insert into "pair" ("id", "note") select q.p1, q.p2
from unnest($1, $2) with ordinality as q(p1, p2, at) order by q.at`
  t.assert.equal(batchInsertSql(insert({ id: 'a', note: 'b' }).compile().query), expected)
  const prepared = prepareQuery((p: Placeholders<Tables['pair']>) =>
    db.insertInto('pair').values({ id: p.id, note: p.note }),
  )
  t.assert.equal(batchInsertSql(prepared({ id: 'a', note: null }).query), expected)
})

test('a literal is the same in every row, whatever it contains', (t: TestContext) => {
  const literal = sql.lit("it's $1 (or so)")
  const { query } = db.insertInto('pair').values({ id: 'a', note: literal }).compile()
  t.assert.equal(
    batchInsertSql(query),
    `insert into "pair" ("id", "note") select q.p1, 'it''s $1 (or so)'
from unnest($1) with ordinality as q(p1, at) order by q.at`,
  )
})

test('where a taken key skips the row of one insert, it fails the insert of many', (t: TestContext) => {
  const { query } = insert({ id: 'a', note: 'b' })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .compile()
  t.assert.doesNotMatch(String(batchInsertSql(query)), /conflict/)
})

test('no other query has a statement for many', (t: TestContext) => {
  const one = { id: 'a', note: 'b' }
  const others = [
    insert(one).returning('id'),
    db.insertInto('pair').values([one, one]),
    insert(one).onConflict((conflict) => conflict.column('id').doUpdateSet({ note: 'c' })),
    insert(one).modifyEnd(sql`returning id`),
    db.insertInto('pair').values({ id: sql`(select max(id) from pair)`, note: 'b' }),
    db.insertInto('pair').values({ id: sql`coalesce(${'a'}, 'b')`, note: 'b' }),
    db.insertInto('pair').columns(['id', 'note']).expression(db.selectFrom('pair').selectAll()),
    db.insertInto('pair').defaultValues(),
    db
      .with('other', (other) => other.selectFrom('pair').selectAll())
      .insertInto('pair')
      .values(one),
    db.updateTable('pair').set({ note: 'c' }),
    db.deleteFrom('pair'),
    db.selectFrom('pair').selectAll(),
    { compile: () => sql`insert into pair values ('a', 'b')`.compile(db) },
  ]
  for (const other of others) t.assert.equal(batchInsertSql(other.compile().query), undefined)
  t.assert.equal(batchInsertSql(undefined), undefined)
})
