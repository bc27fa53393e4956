import { DatabaseSync } from 'node:sqlite'

/**
 * Raises the ids that are given out next, of all tables, and the values of these columns, as far as the tables have them, in one
 * transaction. So what was given out after the database was copied is not given out again.
 */
export function raiseNumbers(
  path: string,
  by: number,
  columns: Readonly<Record<string, readonly string[]>>,
): void {
  const database = new DatabaseSync(path)
  try {
    database.exec('pragma synchronous = full; begin immediate')
    for (const [table, names] of Object.entries(columns)) raiseColumns(database, by, table, names)
    for (const table of tablesWithSequence(database)) raiseSequence(database, by, table)
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
