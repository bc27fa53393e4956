import { writeFileSync } from 'node:fs'
import { svgTimeline, textTimeline } from './checkers/timeline.ts'
import type { Violation } from './checkers/violation.ts'

/** Writes a picture of each violation beside the file of its history, `<file>.1.svg`, and returns the violations as text. */
export function writeViolations(file: string, violations: readonly Violation[]): string {
  return violations.map((violation, i) => `\n${writeViolation(`${file}.${i + 1}.svg`, violation)}`).join('')
}

/** Such as `2 violations`. */
export function countOf(violations: number): string {
  if (violations === 0) return 'no violation'
  return violations === 1 ? '1 violation' : `${violations} violations`
}

function writeViolation(picture: string, { key, message, operations }: Violation): string {
  if (operations.length === 0) return `${key}: ${message}\n`
  writeFileSync(picture, svgTimeline(`${key}: ${message}`, operations))
  return `${key}: ${message}\n${textTimeline(operations)}\npicture: ${picture}\n`
}
