import { activeSpan, withSpan } from '../telemetry/index.ts'
import type { Database } from './port.ts'

/**
 * The same database, whose reads and units are spans where the request is recorded. A span has the kind of the statement and its
 * table, and never the statement itself, nor a value.
 */
export function tracedDatabase<Tables>(database: Database<Tables>, system: string): Database<Tables> {
  return {
    ...database,
    read(query) {
      if (activeSpan() === undefined) return database.read(query)
      return withDatabaseSpan(system, summaryOf(query.sql), () => database.read(query))
    },
    commit(unit, deadline) {
      const parent = activeSpan()
      if (parent === undefined) return database.commit(unit, deadline)
      const summaries = unit.map(({ sql }) => summaryOf(sql))
      const about = {
        name: `commit ${summaries[0] ?? ''}`.trimEnd(),
        kind: 'client',
        attributes: {
          'db.system.name': system,
          'db.query.summary': summaries.join('; '),
          'quintet.commit.statements': unit.length,
        },
      } as const
      return withSpan(parent, about, () => database.commit(unit, deadline))
    },
  }
}

/** Runs one operation on a database, as a span where the request is recorded. The summary must have no value of a request. */
export function withDatabaseSpan<T>(system: string, summary: string, work: () => T): T {
  const parent = activeSpan()
  if (parent === undefined) return work()
  const attributes = { 'db.system.name': system, 'db.query.summary': summary }
  return withSpan(parent, { name: summary, kind: 'client', attributes }, work)
}

/** The statements of a service are few; a bound for those whose lists are of any length. */
const summariesMax = 1_000
const summaries = new Map<string, string>()

/** The operation and the first table, as `SELECT movies`. */
function summaryOf(sql: string): string {
  const known = summaries.get(sql)
  if (known !== undefined) return known
  const [operation = ''] = /\b(?:select|insert|update|delete)\b/i.exec(sql) ?? []
  const [, table = ''] = /\b(?:from|into|update)\s+["`]?(\w+)/i.exec(sql) ?? []
  const summary = `${operation.toUpperCase()} ${table}`.trim()
  if (summaries.size < summariesMax) summaries.set(sql, summary)
  return summary
}
