import { runTests } from '../../run/run-tests.ts'
import { drawTests } from '../../run/tests-picture.ts'

/** Runs tests, as a test cannot do itself. */
const tests = await runTests(['nemesis/test/programs/counting-tests.ts'], (line) =>
  process.stderr.write(`${line}\n`),
)
process.stdout.write(JSON.stringify({ tests, picture: drawTests('one-winner', tests) }))
