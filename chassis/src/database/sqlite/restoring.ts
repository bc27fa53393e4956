import { existsSync } from 'node:fs'
import { AppError } from '../../errors/index.ts'

/** What a restore puts beside the place of a database, until it takes that place. */
export function restoringFile(path: string): string {
  return `${path}.restoring`
}

/** Throws where a restore was interrupted before this database was in its place; others may be. */
export function refuseHalfRestored(path: string): void {
  if (existsSync(restoringFile(path)))
    throw new AppError(
      'conflict',
      `${restoringFile(path)} is of a restore that has not ended. If it was interrupted, run quintet restore again.`,
    )
}
