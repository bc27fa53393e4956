import type { DatabaseSync } from 'node:sqlite'

/** SQLite lowers the letters of ASCII alone; other engines, and people who search without case, mean all letters. */
export function lowerAsUnicode(connection: DatabaseSync): void {
  connection.function('lower', { deterministic: true }, (value) =>
    typeof value === 'string' ? value.toLowerCase() : value,
  )
}
