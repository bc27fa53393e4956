import { randomBytes } from 'node:crypto'
import type { ControlRow } from '../port.ts'

/** A process that can use the Redis of the row has this many readings of the row to contradict one that cannot. */
const challengePolls = 2
const contradictedPauseMs = 5_000

/**
 * The challenges that a process reads in the control row and puts there (docs/decisions/0021): by them, one that cannot use the Redis
 * of the row finds out whether another one can, which then empties the challenge.
 */
export function createChallenges(pollMs: number, now: () => number = () => performance.now()) {
  let current = { text: '', seenAt: 0, isOwn: false }
  let mayChallengeAt = Number.NEGATIVE_INFINITY

  return {
    /** Notes the challenge of a row that was read, and of the one that was read before. */
    note(row: ControlRow, before: ControlRow | undefined): void {
      if (row.challenge === current.text) return
      const isContradicted = current.isOwn && row.challenge === '' && row.epoch === before?.epoch
      if (isContradicted) mayChallengeAt = now() + contradictedPauseMs
      current = { text: row.challenge, seenAt: now(), isOwn: false }
    },

    /** A challenge to put into the row; undefined for some time after one of this process was contradicted. */
    create(): string | undefined {
      if (now() < mayChallengeAt) return undefined
      const text = randomBytes(6).toString('hex')
      current = { text, seenAt: now(), isOwn: true }
      return text
    },

    /** Whether the time in which other processes could contradict the challenge of the row is over. */
    isGranted: (): boolean => now() - current.seenAt > challengePolls * pollMs,
  }
}
