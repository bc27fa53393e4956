import { writeFileSync } from 'node:fs'
import { checkRegister } from './checkers/check-register.ts'
import { checkNotifications } from './checkers/notifications.ts'
import { checkQueue } from './checkers/queue.ts'
import { svgTimeline, textTimeline } from './checkers/timeline.ts'
import { byNumber } from './checkers/versions.ts'
import type { Violation } from './checkers/violation.ts'
import { readHistory } from './history.ts'
import type { History } from './history.ts'
import { asChange, asPost, asRegister, deliveriesOf, storedOf } from './recorded.ts'

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
  const violations = check(readHistory(file))
  process.stdout.write(
    `${file}: ${violations.length === 0 ? 'no violation' : `${violations.length} violations`}\n`,
  )
  for (const [i, violation] of violations.entries()) report(file, i + 1, violation)
  if (violations.length > 0) process.exitCode = 1
}

function check(history: History): readonly Violation[] {
  if (history.kind === 'queue') return checkQueue(asPost(history), storedOf(history))
  if (history.kind === 'notifications') return checkNotifications(asChange(history), deliveriesOf(history))
  if (history.kind !== 'register')
    throw new Error(
      `the kind of history "${history.kind}" is unknown; there are register, queue and notifications`,
    )
  const { violations, undecided } = checkRegister(asRegister(history), { compareVersions: byNumber })
  for (const key of undecided)
    process.stdout.write(`${key}: undecided, because too many operations overlap\n`)
  return violations
}

function report(file: string, number: number, { key, message, operations }: Violation): void {
  process.stdout.write(`\n${key}: ${message}\n`)
  if (operations.length === 0) return
  process.stdout.write(`${textTimeline(operations)}\n`)
  const picture = `${file}.${number}.svg`
  writeFileSync(picture, svgTimeline(`${key}: ${message}`, operations))
  process.stdout.write(`picture: ${picture}\n`)
}
