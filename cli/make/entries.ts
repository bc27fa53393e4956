import { insertBefore } from '../derived/lines.ts'
import type { Nouns } from './nouns.ts'

/** Adds an entry for a new service before that of the gateway, made from the entry of the model. */
export function addEntry(text: string, model: Nouns, rename: (text: string) => string): string {
  return insertBefore(text, /^ {2}gateway: /, rename(entryOf(text, model.service)).split('\n'))
}

/** Adds the imports of a new service after those of the model. */
export function addImports(text: string, model: Nouns, rename: (text: string) => string): string {
  const imports = [...text.matchAll(/^import (?:type )?\{[^{}]*\} from '[^'\n]+'\n/gm)]
    .map(([statement]) => statement)
    .filter((statement) => statement.includes(`/services/${model.service}/`))
  const last = imports.at(-1)
  if (last === undefined) throw new Error(`Nothing is imported from ${model.service}.`)
  return text.replace(last, () => last + imports.map(rename).join(''))
}

/** Adds rows to the first table that has some of the model, which are next to each other. */
export function addRows(text: string, model: Nouns, rename: (text: string) => string): string {
  const rows = new RegExp(`^(?:\\| ${model.service} +\\|.*\\n)+`, 'm')
  if (!rows.test(text)) throw new Error(`There is no row for ${model.service}.`)
  return text.replace(rows, (found) => found + rename(found))
}

/** Adds a service to each list of services in the fourth column of a table that has the model, as metrics have them. */
export function addToLists(text: string, model: Nouns, service: string): string {
  return text
    .split('\n')
    .map((line) => {
      const cells = line.split('|')
      const names = cells[4]?.trim()
      if (names === undefined || !names.split(', ').includes(model.service)) return line
      return cells.with(4, ` ${names}, ${service} `).join('|')
    })
    .join('\n')
}

/** From the line that begins an entry to the one before the next entry, or before the end of the list. */
function entryOf(text: string, name: string): string {
  const entry = new RegExp(`^ {2}${name}: [\\s\\S]*?(?=\\n {2}\\w+: |\\n\\})`, 'm').exec(text)
  if (entry === null) throw new Error(`There is no entry for ${name}.`)
  return entry[0]
}
