import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '@quintet/backends/command-line'
import { describeAttack, promises } from './promises.ts'
import type { Attack } from './promises.ts'
import { isInstalled, parseArguments } from './run/arguments.ts'
import { parseProveArguments, proveUsage } from './run/prove-arguments.ts'
import type { ProveArguments } from './run/prove-arguments.ts'
import { countViolations, reportOf } from './run/report.ts'
import { folderFor, runAll } from './run/run-all.ts'
import { drawRun } from './run/run-picture.ts'
import { runRecovery } from './run/run-recovery.ts'
import { runTests } from './run/run-tests.ts'
import { drawTests } from './run/tests-picture.ts'
import { scenarios } from './scenarios/index.ts'
import { countOf } from './violations.ts'

const print = (text: string) => process.stdout.write(`${text}\n`)

/**
 * Tries to break a promise of docs/guarantees.md, and draws what happened: `npm run prove -- one-winner`. The exit code is 1 where
 * the promise is broken.
 */
await runProgram(proveUsage, async (args) => {
  const chosen = parseProveArguments(args)
  const attack = promises[chosen.promise]
  if (attack === undefined) {
    print(proveUsage)
    return true
  }
  print(`${chosen.promise}: ${describeAttack(attack)}`)
  const { violations, pictures } = await run(attack, chosen)
  print(`\n${chosen.promise}: ${countOf(violations)}\n${pictures.join('\n')}`)
  return violations === 0
})
// What a fault has left open must not hold the process.
process.exit()

type Verdict = { readonly violations: number; readonly pictures: readonly string[] }

async function run(attack: Attack, chosen: ProveArguments): Promise<Verdict> {
  if ('tests' in attack) return runTestFiles(attack.tests, chosen)
  if ('recoveryOf' in attack) return runFaultsOf(attack.recoveryOf, chosen)
  const words = [
    `--scenario=${attack.scenarios.join()}`,
    `--minutes=${attack.minutes}`,
    ...(attack.faults === undefined ? [] : [`--faults=${attack.faults.join()}`]),
    ...(chosen.seed === undefined ? [] : [`--seed=${chosen.seed}`]),
    ...(chosen.keep === undefined ? [] : [`--keep=${chosen.keep}`]),
  ]
  return runAll(parseArguments(words, scenarios, isInstalled))
}

async function runFaultsOf(subjects: readonly string[], { keep, promise }: ProveArguments): Promise<Verdict> {
  const found = await runRecovery(subjects)
  print(`\n${reportOf(found)}`)
  const picture = join(folderFor(keep), `${promise}.svg`)
  writeFileSync(picture, drawRun(found))
  return { violations: countViolations(found), pictures: [picture] }
}

async function runTestFiles(files: readonly string[], { keep, promise }: ProveArguments): Promise<Verdict> {
  const tests = await runTests(files, print)
  const picture = join(folderFor(keep), `${promise}.svg`)
  writeFileSync(picture, drawTests(promise, tests))
  return { violations: tests.filter(({ isPassed }) => !isPassed).length, pictures: [picture] }
}
