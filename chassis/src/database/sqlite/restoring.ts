import { existsSync } from 'node:fs'
import { AppError } from '../../errors/index.ts'

/** What a restore puts beside the place of a database, until it takes that place. */
export function restoringFile(path: string): string {
  return `${path}.restoring`
}

/** Throws where a restore was interrupted before this database was in its place; others may be. */
export function refuseHalfRestored(path: string): void {
  const fault = halfRestoredFault(path)
  if (fault !== undefined) throw new AppError('conflict', fault)
}

/** The same as a sentence; undefined where there is no such restore. */
export function halfRestoredFault(path: string): string | undefined {
  if (!existsSync(restoringFile(path))) return undefined
  return `${restoringFile(path)} is of a restore that has not ended. If it was interrupted, run quintet restore again.`
}
