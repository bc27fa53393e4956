import { parseArgs } from 'node:util'
import { checkHistory } from './check-history.ts'
import { countOf, writeViolations } from './violations.ts'
import { readHistory } from './history.ts'

/**
 * Checks histories that were kept in files, and writes a picture of each violation beside the file: `npm run check:history --
 * <file>…`. The exit code is 1 where a promise is broken, or a file cannot be checked.
 */
const usage = 'Usage: npm run check:history -- <file>…'

for (const file of readFiles()) {
  try {
    check(file)
  } catch (error) {
    process.stderr.write(`${file} cannot be checked: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}

function readFiles(): readonly string[] {
  try {
    const { positionals } = parseArgs({ allowPositionals: true })
    if (positionals.length > 0) return positionals
    throw new Error('A file with a history is needed.')
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}\n`)
    return process.exit(1)
  }
}

function check(file: string): void {
  const history = readHistory(file)
  if (history.events.length === 0) throw new Error('it has no operations.')
  const { violations, undecided } = checkHistory(history)
  for (const key of undecided)
    process.stdout.write(`${key}: undecided, because too many operations overlap\n`)
  process.stdout.write(`${file}: ${countOf(violations.length)}\n`)
  process.stdout.write(writeViolations(file, violations))
  if (violations.length > 0) process.exitCode = 1
}
