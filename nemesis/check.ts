import { checkHistory } from './check-history.ts'
import { writeViolations } from './violations.ts'
import { readHistory } from './history.ts'

/**
 * Checks histories that were kept in files, and writes a picture of each violation beside the file: `npm run check:history --
 * <file>…`. The exit code is 1 where a promise is broken.
 */
const files = process.argv.slice(2)
if (files.length === 0) {
  process.stderr.write('Usage: npm run check:history -- <file>…\n')
  process.exitCode = 2
}

for (const file of files) {
  const { violations, undecided } = checkHistory(readHistory(file))
  for (const key of undecided)
    process.stdout.write(`${key}: undecided, because too many operations overlap\n`)
  process.stdout.write(
    `${file}: ${violations.length === 0 ? 'no violation' : `${violations.length} violations`}\n`,
  )
  process.stdout.write(writeViolations(file, violations))
  if (violations.length > 0) process.exitCode = 1
}
