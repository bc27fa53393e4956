import { MysqlAdapter, PostgresAdapter, sql } from 'kysely'
import type {
  Compilable,
  ColumnDataType,
  ColumnDefinitionBuilder,
  Expression,
  Kysely,
  RawBuilder,
  SelectQueryBuilder,
} from 'kysely'

/** What differs between the SQL dialects, so that a store and its migrations are written once. */

type Dialect = 'sqlite' | 'postgres' | 'mysql'

/** Which database a query is built for. */
export function dialectOf<Tables>(db: Kysely<Tables>): Dialect {
  const { adapter } = db.getExecutor()
  if (adapter instanceof MysqlAdapter) return 'mysql'
  return adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite'
}

/** For `addColumn('id', ...identityColumn(db))`: numbers that the database generates for new rows and never reuses. */
export function identityColumn<Tables>(
  db: Kysely<Tables>,
): [ColumnDataType, (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder] {
  if (dialectOf(db) === 'postgres')
    return ['bigint', (column) => column.generatedByDefaultAsIdentity().primaryKey()]
  const type = dialectOf(db) === 'mysql' ? 'bigint' : 'integer'
  return [type, (column) => column.primaryKey().autoIncrement()]
}

/** The type of a text as long as a request body: MySQL's `text` is limited to 64 KiB. */
export function longText<Tables>(db: Kysely<Tables>): 'text' | RawBuilder<unknown> {
  return dialectOf(db) === 'mysql' ? sql`longtext` : 'text'
}

/** A value as a text. */
export function asText<Tables>(db: Kysely<Tables>, value: Expression<unknown>): RawBuilder<string> {
  return dialectOf(db) === 'mysql' ? sql`cast(${value} as char)` : sql`cast(${value} as text)`
}

/** The greater of two numbers. */
export function greatest<Tables>(
  db: Kysely<Tables>,
  one: Expression<number>,
  other: Expression<number>,
): RawBuilder<number> {
  return dialectOf(db) === 'sqlite' ? sql`max(${one}, ${other})` : sql`greatest(${one}, ${other})`
}

/** The lesser of two numbers. */
export function least<Tables>(
  db: Kysely<Tables>,
  one: Expression<number>,
  other: Expression<number>,
): RawBuilder<number> {
  return dialectOf(db) === 'sqlite' ? sql`min(${one}, ${other})` : sql`least(${one}, ${other})`
}

/** A number as an integer of 64 bits. */
export function asBigint<Tables>(db: Kysely<Tables>, value: Expression<number>): RawBuilder<number> {
  return dialectOf(db) === 'mysql' ? sql`cast(${value} as signed)` : sql`cast(${value} as bigint)`
}

/** Unix time in whole seconds by the clock of the engine, the same throughout a statement. */
export function engineSeconds<Tables>(db: Kysely<Tables>): RawBuilder<number> {
  const dialect = dialectOf(db)
  if (dialect === 'postgres') return sql`cast(floor(extract(epoch from statement_timestamp())) as bigint)`
  return dialect === 'mysql' ? sql`unix_timestamp()` : sql`unixepoch()`
}

/** Unix time in milliseconds by the clock of the engine, at the moment. */
export function engineMilliseconds<Tables>(db: Kysely<Tables>): RawBuilder<number> {
  const dialect = dialectOf(db)
  if (dialect === 'postgres')
    return sql`cast(extract(epoch from clock_timestamp()) * 1000 as double precision)`
  return dialect === 'mysql' ? sql`unix_timestamp(now(6)) * 1000` : sql`unixepoch('subsec') * 1000`
}

/** A JSON object as text, with these members. */
export function jsonObject<Tables>(
  db: Kysely<Tables>,
  members: Readonly<Record<string, Expression<unknown>>>,
): RawBuilder<string> {
  const pairs = sql.join(Object.entries(members).flatMap(([name, value]) => [sql.lit(name), value]))
  if (dialectOf(db) === 'postgres') return sql`cast(json_build_object(${pairs}) as text)`
  // MySQL has a JSON type, which does not keep the order of the members.
  return dialectOf(db) === 'mysql' ? sql`cast(json_object(${pairs}) as char)` : sql`json_object(${pairs})`
}

/** The rows, locked until the unit ends, so that its later statements see the rows that it has read. */
export function forUpdate<Tables, From extends keyof Tables, Columns>(
  db: Kysely<Tables>,
  rows: SelectQueryBuilder<Tables, From, Columns>,
): SelectQueryBuilder<Tables, From, Columns> {
  return dialectOf(db) === 'sqlite' ? rows : rows.forUpdate()
}

/** The rows that no other unit has locked, so that concurrent sweepers neither wait nor deadlock. */
export function skipLocked<Tables, From extends keyof Tables, Columns>(
  db: Kysely<Tables>,
  rows: SelectQueryBuilder<Tables, From, Columns>,
): SelectQueryBuilder<Tables, From, Columns> {
  return dialectOf(db) === 'sqlite' ? rows : rows.forUpdate().skipLocked()
}

/**
 * Deletes the rows of a table whose `key` a select returns. MySQL would read the whole table, and wait for every lock, unless
 * the select comes first in a join.
 */
export function deleteSelected<Tables>(
  db: Kysely<Tables>,
  table: keyof Tables & string,
  key: string,
  found: Expression<unknown>,
): Compilable<unknown> {
  const [from, column] = [sql.table(table), sql.ref(key)]
  const statement =
    dialectOf(db) === 'mysql'
      ? sql`delete ${from} from ${found} as found straight_join ${from} on ${sql.ref(`${table}.${key}`)} = found.${column}`
      : sql`delete from ${from} where ${column} in ${found}`
  return { compile: () => statement.compile(db) }
}

/** The numbers of a comma-separated text as rows of one column `id`: one parameter, however many there are. */
export function numbersFromList<Tables>(
  db: Kysely<Tables>,
  numbers: Expression<string>,
): RawBuilder<unknown> {
  const dialect = dialectOf(db)
  if (dialect === 'postgres')
    return sql`(select unnest(cast(string_to_array(${numbers}, ',') as bigint[])) as id)`
  return dialect === 'mysql'
    ? sql`(select id from json_table(concat('[', ${numbers}, ']'), '$[*]' columns (id bigint path '$')) as listed)`
    : sql`(select value as id from json_each('[' || ${numbers} || ']'))`
}

/** Sets a column of the rows with these ids, each to its own value, by one statement. */
export async function setColumn<Tables>(
  db: Kysely<Tables>,
  table: keyof Tables & string,
  column: string,
  values: ReadonlyMap<number, string>,
): Promise<void> {
  if (values.size === 0) return
  const cases = [...values].map(([id, value]) => sql`when ${id} then ${value}`)
  const ids = sql.join([...values.keys()])
  await sql`update ${sql.table(table)} set ${sql.ref(column)} = case id ${sql.join(cases, sql` `)} end where id in (${ids})`.execute(
    db,
  )
}
