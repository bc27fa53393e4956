import { parseCommandLine, runProgram, UsageError } from '@quintet/backends/command-line'
import { checkHistory } from './check-history.ts'
import { countOf, writeViolations } from './violations.ts'
import { readHistory } from './history.ts'

const usage = `Usage: npm run check:history -- <file>…

Checks histories that were kept in files, and writes a picture of each violation beside the file. The exit code is 1 where a
promise is broken, or a file cannot be checked.`

await runProgram(usage, (args) => {
  const { positionals } = parseCommandLine({ args: [...args], allowPositionals: true })
  if (positionals.length === 0) throw new UsageError('A file with a history is needed.')
  return positionals.map(isKept).every(Boolean)
})

/** Whether the history in the file keeps every promise. */
function isKept(file: string): boolean {
  try {
    const history = readHistory(file)
    if (history.events.length === 0) throw new Error('it has no operations.')
    const { violations, undecided } = checkHistory(history)
    for (const key of undecided)
      process.stdout.write(`${key}: undecided, because too many operations overlap\n`)
    process.stdout.write(`${file}: ${countOf(violations.length)}\n`)
    process.stdout.write(writeViolations(file, violations))
    return violations.length === 0
  } catch (error) {
    process.stderr.write(`${file} cannot be checked: ${error instanceof Error ? error.message : error}\n`)
    return false
  }
}
