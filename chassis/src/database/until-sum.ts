import { sql } from 'kysely'
import type { Compilable, Expression, Kysely, RawBuilder } from 'kysely'
import type { Query } from './port.ts'
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
  { column, orderBy }: { column: keyof Row & string; orderBy: readonly string[] },
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

/** What a row takes besides its texts, about. */
const bytesPerRow = 128

/** How many bytes a row takes, by the lengths of these columns, which the engine finds without reading the texts. */
export function bytesOf(...columns: readonly string[]): RawBuilder<number> {
  const lengths = columns.map((name) => sql`coalesce(octet_length(${sql.ref(name)}), 0)`)
  return sql`${sql.join(lengths, sql` + `)} + ${sql.lit(bytesPerRow)}`
}
