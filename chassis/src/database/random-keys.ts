import { sql } from 'kysely'
import type { Database } from './port.ts'

/**
 * The keys of up to `max` rows of a table at random, a row that follows a gap between ids more often than others. Each takes one search
 * of the index of the ids, however large the table is.
 */
export async function randomKeys<Tables>(
  database: Pick<Database<Tables>, 'query' | 'read'>,
  { table, key = 'id' }: { readonly table: keyof Tables & string; readonly key?: string },
  max: number,
): Promise<unknown[]> {
  const { query, read } = database
  const from = sql.table(table)
  const [bounds] = await read(
    sql<{ first: number | null; last: number | null }>`
      select (select min(id) from ${from}) as first, (select max(id) from ${from}) as last`.compile(query),
  )
  if (bounds === undefined || bounds.first === null) return []
  const first = Number(bounds.first)
  const count = Number(bounds.last) - first + 1
  const ids = Array.from({ length: Math.min(max, count) }, (_, i) =>
    count <= max ? first + i : first + Math.floor(Math.random() * count),
  )
  const rows = await Promise.all(
    ids.map((id) =>
      read(
        sql<{ found: unknown }>`
          select ${sql.ref(key)} as found from ${from} where id >= ${id} order by id limit 1`.compile(query),
      ),
    ),
  )
  return [...new Set(rows.flatMap(([row]) => (row === undefined ? [] : [row.found])))]
}
