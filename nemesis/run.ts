import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { missingPackages } from '@quintet/backends'
import { runProgram } from '@quintet/backends/command-line'
import { parseArguments, usageOf } from './run/arguments.ts'
import { showProgress } from './run/progress.ts'
import { createRandom } from './run/random.ts'
import { countViolations, reportOf } from './run/report.ts'
import { drawRun } from './run/run-picture.ts'
import { runScenario } from './run/run-scenario.ts'
import { countOf } from './violations.ts'
import { scenarios } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'

/**
 * Runs scenarios, one after the other, and prints what they showed: `npm run nemesis -- --minutes 1 --seed 7`. The exit code is 1
 * where a promise is broken.
 */
await runProgram(usageOf(scenarios), (args) =>
  runAll(parseArguments(args, scenarios, (engine) => missingPackages(engine).length === 0)),
)
// What a fault has left open must not hold the process.
process.exit()

async function runAll({
  scenarios: chosen,
  leftOut,
  minutes,
  seed,
  keep,
}: ReturnType<typeof parseArguments>): Promise<boolean> {
  for (const { name, missing } of leftOut)
    print(`${name} is left out: ${missing.join(' and ')} not installed`)
  const folder = resolve(keep ?? mkdtempSync(join(tmpdir(), 'quintet-nemesis-kept-')))
  mkdirSync(folder, { recursive: true })
  const totals: string[] = []
  let violations = 0
  for (const scenario of chosen) {
    print(`\n== ${scenario.name}, seed ${seed}`)
    const found = await runOne(scenario, minutes * 60_000, seed, join(folder, scenario.name))
    violations += found
    totals.push(`${scenario.name}: ${countOf(found)}`)
  }
  print(`\n${totals.join('\n')}\nkept in ${folder}`)
  if (violations > 0)
    print(`to repeat it: npm run nemesis -- --scenario <name> --minutes ${minutes} --seed ${seed}`)
  return violations === 0
}

async function runOne(scenario: Scenario, forMs: number, seed: string, folder: string): Promise<number> {
  const progress = showProgress(scenario.name, forMs, process.stderr)
  const random = createRandom(`${seed}/${scenario.name}`)
  const run = await runScenario(scenario, { forMs, random, folder, onProgress: progress.show })
  progress.end()
  print(reportOf(run))
  const picture = join(folder, 'run.svg')
  writeFileSync(picture, drawRun(run, seed))
  print(`picture of the run: ${picture}`)
  return countViolations(run)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
