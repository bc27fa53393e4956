import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { countOf } from '../violations.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { Arguments } from './arguments.ts'
import { showProgress } from './progress.ts'
import { createRandom } from './random.ts'
import { countViolations, reportOf } from './report.ts'
import { drawRun } from './run-picture.ts'
import { runScenario } from './run-scenario.ts'

/** What scenarios showed together. */
type Outcome = { readonly violations: number; readonly pictures: readonly string[] }

const print = (text: string) => process.stdout.write(`${text}\n`)

/** Runs scenarios, one after the other, and prints what they showed. */
export async function runAll(options: Arguments): Promise<Outcome> {
  const { scenarios, leftOut, minutes, seed } = options
  for (const { name, missing } of leftOut)
    print(`${name} is left out: ${missing.join(' and ')} not installed`)
  const folder = folderFor(options.keep)
  const totals: string[] = []
  const pictures: string[] = []
  let violations = 0
  for (const scenario of scenarios) {
    print(`\n== ${scenario.name}, seed ${seed}`)
    const picture = join(folder, scenario.name, 'run.svg')
    const found = await runOne(scenario, options, join(folder, scenario.name), picture)
    violations += found
    pictures.push(picture)
    totals.push(`${scenario.name}: ${countOf(found)}`)
  }
  print(`\n${totals.join('\n')}\nkept in ${folder}`)
  if (violations > 0)
    print(`to repeat it: npm run nemesis -- --scenario <name> --minutes ${minutes} --seed ${seed}`)
  return { violations, pictures }
}

/** The folder for what is kept, a new temporary one by default. */
export function folderFor(keep: string | undefined): string {
  const folder = resolve(keep ?? mkdtempSync(join(tmpdir(), 'quintet-nemesis-kept-')))
  mkdirSync(folder, { recursive: true })
  return folder
}

async function runOne(
  scenario: Scenario,
  { minutes, seed, faults }: Arguments,
  folder: string,
  picture: string,
): Promise<number> {
  const forMs = minutes * 60_000
  const progress = showProgress(scenario.name, forMs, process.stderr)
  const random = createRandom(`${seed}/${scenario.name}`)
  const run = await runScenario(scenario, { forMs, random, folder, faults, onProgress: progress.show })
  progress.end()
  print(reportOf(run))
  writeFileSync(picture, drawRun(run, seed))
  print(`picture of the run: ${picture}`)
  return countViolations(run)
}
