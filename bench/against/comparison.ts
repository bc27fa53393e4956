import type { Row } from '../rows.ts'
import type { Estimates, MeasureName } from './evaluate.ts'
import type { Pair, PairOptions } from './pair.ts'
import { skipReason } from './base-rows.ts'
import { confirmedWorse, evaluate, worseMeasures } from './evaluate.ts'
import { RowMissingError, measurePair } from './pair.ts'

type ComparisonOptions = PairOptions & {
  rows: Row[]
  rounds: number
  progress(sentence: string): void
}

/** `estimates` are of the repeated rounds if there were any. `worse` are the measures for which the run fails. */
export type RowComparison = {
  name: string
  pairs: Pair[]
  estimates?: Estimates
  isRepeated: boolean
  worse: MeasureName[]
  skipped?: string
  failure?: string
}

type Entry = { row: Row; pairs: Pair[]; first?: Estimates; skipped?: string; failure?: string }

/**
 * Measures the rows in rounds, each on new servers. A row that is worse is measured again in as many rounds and fails only
 * if these alone show it too, because among many intervals of 95 % some are wrong by chance.
 */
export async function compare(options: ComparisonOptions): Promise<RowComparison[]> {
  const entries = options.rows.map((row): Entry => {
    const skipped = skipReason(row, options.checkouts.base)
    return { row, pairs: [], ...(skipped === undefined ? {} : { skipped }) }
  })
  await runRounds(entries, options)
  await runRounds(entries.filter(isSuspect).map(startAgain), options)
  return entries.map(toComparison)
}

/** In the order A B C, C B A, A B C, so that drift over minutes favours no row. */
async function runRounds(entries: Entry[], options: ComparisonOptions): Promise<void> {
  for (let round = 0; round < options.rounds; round++)
    for (const entry of round % 2 === 0 ? entries : entries.toReversed())
      await measureEntry(entry, round, options)
}

async function measureEntry(entry: Entry, round: number, options: ComparisonOptions): Promise<void> {
  if (entry.skipped !== undefined || entry.failure !== undefined) return
  const again = entry.first === undefined ? '' : ', again because it was worse'
  options.progress(`round ${round + 1} of ${options.rounds}: ${entry.row.name}${again}`)
  try {
    entry.pairs.push(await measurePair(entry.row, round, options))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof RowMissingError) entry.skipped = `only in this checkout: ${message}`
    else entry.failure = message
  }
}

function isSuspect({ pairs, skipped, failure }: Entry): boolean {
  return skipped === undefined && failure === undefined && worseMeasures(evaluate(pairs)).length > 0
}

function startAgain(entry: Entry): Entry {
  entry.first = evaluate(entry.pairs)
  entry.pairs = []
  return entry
}

function toComparison({ row, pairs, first, skipped, failure }: Entry): RowComparison {
  const compared = { name: row.name, pairs, isRepeated: first !== undefined, worse: [] }
  if (skipped !== undefined) return { ...compared, skipped }
  if (failure !== undefined) return { ...compared, failure }
  const estimates = evaluate(pairs)
  return { ...compared, estimates, worse: first === undefined ? [] : confirmedWorse(first, estimates) }
}
