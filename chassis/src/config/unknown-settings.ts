import type { TObject } from 'typebox'
import type { Settings } from './settings.ts'

/**
 * A sentence for each setting that is in no schema although its name starts with one of the prefixes and an underscore: most
 * likely a typo, which would otherwise go unnoticed.
 */
export function unknownSettings(schemas: TObject[], settings: Settings, prefixes: string[]): string[] {
  const known = new Set(schemas.flatMap((schema) => Object.keys(schema.properties)))
  return [...settings.keys()]
    .filter((name) => !known.has(name) && prefixes.some((prefix) => name.startsWith(`${prefix}_`)))
    .map((name) => `${name} is not a setting${suggestion(name, [...known])}`)
}

/** With more than a third of its letters wrong, it is another name rather than a typo. */
function suggestion(name: string, known: string[]): string {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((one, other) => one.distance - other.distance)
  return nearest && nearest.distance <= name.length / 3 ? `; did you mean ${nearest.candidate}?` : '.'
}

/** The Levenshtein distance, one row of its table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const letter of from) {
    const next = [(row[0] ?? 0) + 1]
    for (let column = 1; column <= to.length; column++) {
      const [above = 0, left = 0, diagonal = 0] = [row[column], next[column - 1], row[column - 1]]
      next.push(Math.min(above + 1, left + 1, diagonal + (letter === to[column - 1] ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
