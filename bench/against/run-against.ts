import type { Generator } from '../load.ts'
import type { Row } from '../rows.ts'
import { workingTree } from '../checkout.ts'
import { describeMachine } from '../machine.ts'
import { checkOutBase } from './base-checkout.ts'
import { rowNamesOf } from './base-rows.ts'
import { compare } from './comparison.ts'
import type { ComparisonReport } from './comparison-report.ts'
import { tolerance } from './evaluate.ts'

type AgainstOptions = {
  revision: string
  rows: Row[]
  /** Names of all rows of this checkout, to name those that only the base has. */
  knownRows: string[]
  settings: { rounds: number; seconds: number; connections: number }
  generator: Generator
  directory: string
  progress(sentence: string): void
}

/** After that much work under load, V8 has optimised the code of a request. */
const warmUpCpuSeconds = 2

/** Compares the working tree with a commit. */
export async function runAgainst(options: AgainstOptions): Promise<ComparisonReport> {
  const { revision, rows, knownRows, settings, generator, directory, progress } = options
  progress(`checking out ${revision}`)
  const base = await checkOutBase(workingTree.directory, revision, progress)
  try {
    const compared = await compare({
      rows,
      rounds: settings.rounds,
      checkouts: { base, current: workingTree },
      generator,
      warmUpCpuSeconds,
      slices: settings.seconds,
      directory,
      progress,
    })
    return {
      base: { commit: base.commit, subject: base.subject },
      machine: describeMachine(directory, generator.name),
      settings: { ...settings, tolerance },
      rows: compared,
      baseOnly: rowNamesOf(base).filter((name) => !knownRows.includes(name)),
    }
  } finally {
    base.remove()
  }
}
