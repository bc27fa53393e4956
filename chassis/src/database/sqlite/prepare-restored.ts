import { DatabaseSync } from 'node:sqlite'

/**
 * Prepares the copy of a database to take its place, in one transaction. Raises the ids that are given out next, of all tables,
 * the positions of these streams, and the values of these columns, as far as the tables have them: so what was given out after the
 * database was copied is not given out again. Also removes the reference to the cache on a server, which may have values from
 * after the copy.
 */
export function prepareRestored(
  path: string,
  by: number,
  {
    columns = {},
    streams = [],
  }: { columns?: Readonly<Record<string, readonly string[]>>; streams?: readonly string[] },
): void {
  if (!Number.isSafeInteger(by) || by <= 0) throw new RangeError(`Ids cannot be raised by ${by}.`)
  const database = new DatabaseSync(path)
  try {
    database.exec('pragma synchronous = full; begin immediate')
    for (const [table, names] of Object.entries(columns)) raiseColumns(database, by, table, names)
    for (const table of tablesWithSequence(database)) raiseSequence(database, by, table)
    if (hasTable(database, 'chunk')) for (const stream of streams) raiseStream(database, by, stream)
    forgetCache(database)
    database.exec('commit')
  } finally {
    database.close()
  }
}

function raiseColumns(database: DatabaseSync, by: number, table: string, names: readonly string[]): void {
  const found = database.prepare('select name from pragma_table_info(?)').all(table)
  for (const name of names.filter((name) => found.some((column) => column.name === name)))
    database.prepare(`update "${table}" set "${name}" = "${name}" + ?`).run(by)
}

function tablesWithSequence(database: DatabaseSync): string[] {
  const tables = database.prepare(
    "select name from sqlite_master where type = 'table' and sql like '% autoincrement%'",
  )
  return tables.all().map(({ name }) => String(name))
}

/** A table has a row in SQLite's own table only once it has had a row itself. */
function raiseSequence(database: DatabaseSync, by: number, table: string): void {
  const { changes } = database
    .prepare('update sqlite_sequence set seq = seq + ? where name = ?')
    .run(by, table)
  if (changes === 0) database.prepare('insert into sqlite_sequence (name, seq) values (?, ?)').run(table, by)
}

/** Appends a row without messages to a stream of events, which continues behind it. */
function raiseStream(database: DatabaseSync, by: number, stream: string): void {
  const insert = database.prepare(`insert into chunk (stream, first, count, messages, appended_at)
    select ?, coalesce(max(first + count), 1) + ?, 0, '[]', 0 from chunk where stream = ?`)
  insert.run(stream, by, stream)
}

function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare('select 1 from sqlite_master where name = ?').all(name).length > 0
}

/** The state at first, in which the next process begins with a generation that has no values (docs/decisions/0021). */
function forgetCache(database: DatabaseSync): void {
  if (hasTable(database, 'cache_control'))
    database.exec(
      "update cache_control set epoch = 0, mode = 'none', generation = '', instance = '', challenge = ''",
    )
}
