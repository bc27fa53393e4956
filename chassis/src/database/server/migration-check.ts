import { AppError } from '../../errors/index.ts'
import { migrationNames } from '../migrations.ts'

/** Stands before a server whose tables are made by `quintet migrate up`, which may not have been yet. */
export type MigrationCheck = {
  /** Until the tables have been seen to be up to date, nobody gets at them: all wait for one look. */
  run<R>(work: () => Promise<R>): Promise<R>
  /** Waits for a look that is under way. */
  settle(): Promise<unknown>
}

/** `applied` reads the names of the migrations that the database lists as done. */
export function createMigrationCheck(folder: URL, applied: () => Promise<readonly string[]>): MigrationCheck {
  let isOpen = false
  let looking: Promise<void> | undefined

  function look(): Promise<void> {
    looking ??= refuseOutdated().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function refuseOutdated(): Promise<void> {
    const done = await applied()
    const pending = (await migrationNames(folder)).filter((name) => !done.includes(name))
    if (pending.length > 0)
      throw new AppError(
        'dependency_down',
        `The tables are not up to date (${pending.join(', ')}): run quintet migrate up.`,
      )
    isOpen = true
  }

  return {
    run: (work) => (isOpen ? work() : look().then(work)),
    settle: () => Promise.allSettled([looking]),
  }
}
