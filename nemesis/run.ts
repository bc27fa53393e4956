import { runProgram } from '@quintet/backends/command-line'
import { isInstalled, parseArguments, usageOf } from './run/arguments.ts'
import { runAll } from './run/run-all.ts'
import { scenarios } from './scenarios/index.ts'

/**
 * Runs scenarios, one after the other, and prints what they showed: `npm run nemesis -- --minutes 1 --seed 7`. The exit code is 1
 * where a promise is broken.
 */
await runProgram(usageOf(scenarios), async (args) => {
  const { violations } = await runAll(parseArguments(args, scenarios, isInstalled))
  return violations === 0
})
// What a fault has left open must not hold the process.
process.exit()
