import { sql } from 'kysely'
import type { Compilable, Expression, Kysely, RawBuilder, SelectQueryBuilder } from 'kysely'
import type { Database, Query } from './port.ts'
import { prepareQuery } from './prepared-query.ts'
import type { Placeholders } from './prepared-query.ts'
import { dialectOf } from './sql-dialect.ts'

/**
 * Prepares a select of which only the first rows are read, up to the one with which the sum of a column is `reaches`; so one at
 * least. `orderBy` has the columns by which the select is ordered.
 */
export function prepareUntilSum<Tables, P extends { reaches: number }, Row>(
  db: Kysely<Tables>,
  build: (parameters: Placeholders<P>) => Compilable<Row> & Expression<Row>,
  { column, orderBy }: { column: string; orderBy: readonly string[] },
): (values: P) => Query<Row> {
  // An embedded engine gives its rows one by one; it would copy all of them to sum them up.
  if (dialectOf(db) === 'sqlite') {
    const prepared = prepareQuery(build)
    return (values) => ({ ...prepared(values), until: { column, reaches: values.reaches } })
  }
  const order = sql.join(orderBy.map((name) => sql.ref(name)))
  const value = sql.ref(column)
  return prepareQuery((p: Placeholders<P>) => {
    const summed = sql`select page.*, sum(${value}) over (order by ${order} rows unbounded preceding) as sum_through from ${build(p)} as page`
    const first = sql<Row>`select * from (${summed}) as summed where sum_through - ${value} < ${p.reaches} order by ${order}`
    return { compile: () => first.compile(db) }
  })
}

/** Any longer text is large. */
const smallTextBytesMax = 2_048

/** A column of texts in a select. */
export type TextColumn = (name: string) => RawBuilder<string>

/**
 * Prepares a read of the first rows of a select, up to the one with which the sum of their sizes is `reaches`. `texts` are the columns
 * that may be large, which `build` selects by `text`. The rows have their sizes in `bytes`, unless all of the select are there.
 */
export function prepareBoundedRead<Tables, From extends keyof Tables, P extends { reaches: number }, Row>(
  database: Pick<Database<Tables>, 'query' | 'read'>,
  build: (parameters: Placeholders<P>, text: TextColumn) => SelectQueryBuilder<Tables, From, Row>,
  { texts, orderBy }: { texts: readonly (keyof Row & string)[]; orderBy: readonly string[] },
): (values: P) => Promise<readonly (Row & { bytes?: number })[]> {
  const { query } = database
  const sized = (p: Placeholders<P>) =>
    build(p, (name) => sql.ref(name)).select(bytesOf(...texts).as('bytes'))
  const first = prepareUntilSum(query, sized, { column: 'bytes', orderBy })
  if (dialectOf(query) !== 'sqlite') return async (values) => database.read(first(values))
  // Rows are read twice as fast all at once as one by one, and most have small texts only.
  const small = prepareQuery((p: Placeholders<P>) => build(p, ifSmall))
  return async (values) => {
    const rows = await database.read(small(values))
    return isWithout(rows, texts) ? database.read(first(values)) : rows
  }
}

/** Whether a row is without one of its texts. */
function isWithout<Row>(rows: readonly Row[], texts: readonly (keyof Row)[]): boolean {
  for (const row of rows) for (const name of texts) if (row[name] === null) return true
  return false
}

/** Null for a large text, which is then not read. */
const ifSmall: TextColumn = (name) =>
  sql`case when octet_length(${sql.ref(name)}) <= ${sql.lit(smallTextBytesMax)} then ${sql.ref(name)} end`

/** What a row takes besides its texts, about. */
const bytesPerRow = 128

/** How many bytes a row takes, by the lengths of these columns, which the engine finds without reading the texts. */
export function bytesOf(...columns: readonly string[]): RawBuilder<number> {
  const lengths = columns.map((name) => sql`coalesce(octet_length(${sql.ref(name)}), 0)`)
  return sql`${sql.join(lengths, sql` + `)} + ${sql.lit(bytesPerRow)}`
}
