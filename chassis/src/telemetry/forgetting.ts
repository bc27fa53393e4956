import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { inTransaction, isFull, pragma } from './schema.ts'

/** When the oldest are forgotten, and until how much is free, in parts of the ceiling. */
const forget = { from: 0.9, to: 0.8 }
/** How much of what a service has is forgotten at a time. */
const share = 0.1
/** Each forgets a tenth of what one service has. */
const roundsMax = 200
const roundsWhenFull = 5
/** Of a row of samples that count as much as a span or a line. */
const samplesBytes = 400

export type Forgetting = ReturnType<typeof createForgetting>

/** Keeps room in the file for what is written. */
export function createForgetting(db: DatabaseSync) {
  const pagesMax = pragma(db, 'max_page_count')
  const usedPages = () => pragma(db, 'page_count') - pragma(db, 'freelist_count')
  const forgetSome = prepareForgetting(db)

  /** Whichever process finds the file nearly full makes room in it, and the next one finds room. */
  function forgetOldest(): void {
    if (usedPages() <= pagesMax * forget.from) return
    for (let round = 0; round < roundsMax && usedPages() > pagesMax * forget.to; round += 1) forgetSome()
  }

  function attempt(work: () => void): void {
    inTransaction(db, () => {
      forgetOldest()
      work()
    })
  }

  return {
    usedPages,
    /** Writes in a transaction, before which the oldest is forgotten where the file is nearly full. */
    write(work: () => void): void {
      try {
        attempt(work)
      } catch (error) {
        // More than what was free.
        if (!isFull(error)) throw error
        inTransaction(db, () => {
          for (let round = 0; round < roundsWhenFull; round += 1) forgetSome()
        })
        attempt(work)
      }
    },
  }
}

/**
 * Forgets the oldest of the service that has the most, so that a noisy one evicts what it has itself. Spans, lines of the log and rows
 * of samples count alike.
 */
function prepareForgetting(db: DatabaseSync): () => void {
  const largestOf = {
    traces: db.prepare(
      'select service, sum(spans) as count from trace group by service order by count desc limit 1',
    ),
    lines: db.prepare(
      'select service, count(*) as count from log group by service order by count desc limit 1',
    ),
    samples: db.prepare(
      `select service, sum(max(1, length(samples) / ${samplesBytes})) as count from series group by service order by count desc limit 1`,
    ),
  }
  const oldest = (table: string, key: string, order: string) =>
    `select ${key} from ${table} where service = ? order by ${order} limit max(1, (select cast(count(*) * ${share} as integer) from ${table} where service = ?))`
  const oldestTraces = db.prepare(oldest('trace', 'id', 'at'))
  const dropTrace = [
    'delete from span where trace_id = ?',
    'delete from link where trace_id = ?',
    'delete from trace where id = ?',
  ].map((sql) => db.prepare(sql))
  const dropLines = db.prepare(`delete from log where id in (${oldest('log', 'id', 'id')})`)
  const dropSamples = db.prepare(
    `delete from series where (tier, at, service) in (${oldest('series', 'tier, at, service', 'at')})`,
  )
  return () => {
    const traces = largest(largestOf.traces)
    const lines = largest(largestOf.lines)
    const samples = largest(largestOf.samples)
    if (samples.count > Math.max(traces.count, lines.count)) dropSamples.run(samples.service, samples.service)
    else if (lines.count > traces.count) dropLines.run(lines.service, lines.service)
    else
      for (const { id } of oldestTraces.all(traces.service, traces.service))
        for (const drop of dropTrace) drop.run(String(id))
  }
}

function largest(statement: StatementSync): { service: string; count: number } {
  const row = statement.get()
  return { service: String(row?.service ?? ''), count: Number(row?.count ?? 0) }
}
