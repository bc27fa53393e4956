import type { DatabaseSync } from 'node:sqlite'

/** SQLite's own `lower` is for ASCII letters only; this one is for all, as on the other engines. */
export function lowerAsUnicode(connection: DatabaseSync): void {
  connection.function('lower', { deterministic: true }, (value) =>
    typeof value === 'string' ? value.toLowerCase() : value,
  )
}
