import { PostgresAdapter, sql } from 'kysely'
import type {
  ColumnDataType,
  ColumnDefinitionBuilder,
  Expression,
  Kysely,
  RawBuilder,
  SelectQueryBuilder,
} from 'kysely'

/** What the databases spell differently, so that a store and its migrations are written once. */

type Dialect = 'sqlite' | 'postgres'

/** Which database a query is built for. */
export function dialectOf<Tables>(db: Kysely<Tables>): Dialect {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite'
}

/** For `addColumn('id', ...identity(db))`: numbers that the database gives to new rows and never gives again. */
export function identity<Tables>(
  db: Kysely<Tables>,
): [ColumnDataType, (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder] {
  return dialectOf(db) === 'postgres'
    ? ['bigint', (column) => column.generatedByDefaultAsIdentity().primaryKey()]
    : ['integer', (column) => column.primaryKey().autoIncrement()]
}

/** The greater of two numbers. */
export function greater<Tables>(
  db: Kysely<Tables>,
  one: Expression<number>,
  other: Expression<number>,
): RawBuilder<number> {
  return dialectOf(db) === 'postgres' ? sql`greatest(${one}, ${other})` : sql`max(${one}, ${other})`
}

/** Lower case in every script, whatever the locale of the database is. */
export function lowered<Tables>(db: Kysely<Tables>, text: Expression<string>): RawBuilder<string> {
  return dialectOf(db) === 'postgres' ? sql`lower(${text} collate "und-x-icu")` : sql`lower(${text})`
}

/** A JSON object as text, with these members. */
export function jsonObject<Tables>(
  db: Kysely<Tables>,
  members: Readonly<Record<string, Expression<unknown>>>,
): RawBuilder<string> {
  const pairs = sql.join(Object.entries(members).flatMap(([name, value]) => [sql.lit(name), value]))
  return dialectOf(db) === 'postgres'
    ? sql`cast(json_build_object(${pairs}) as text)`
    : sql`json_object(${pairs})`
}

/** These rows but for those that another is about to remove, so that two who sweep neither wait nor deadlock. */
export function notTaken<Tables, From extends keyof Tables, Columns>(
  db: Kysely<Tables>,
  rows: SelectQueryBuilder<Tables, From, Columns>,
): SelectQueryBuilder<Tables, From, Columns> {
  return dialectOf(db) === 'postgres' ? rows.forUpdate().skipLocked() : rows
}

/** Whether a number is among those of a text that has commas between them: one parameter, however many they are. */
export function isOneOf<Tables>(
  db: Kysely<Tables>,
  column: Expression<number>,
  numbers: Expression<string>,
): RawBuilder<boolean> {
  return dialectOf(db) === 'postgres'
    ? sql`${column} = any(cast(string_to_array(${numbers}, ',') as bigint[]))`
    : sql`${column} in (select value from json_each('[' || ${numbers} || ']'))`
}
