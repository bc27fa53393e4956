import { migrationNames, requireApplied } from '../migrations.ts'

/** Guards a server whose tables are created by `quintet migrate up`, which may not have run yet. */
type MigrationCheck = {
  /** Runs the work once the tables are known to be up to date; all callers wait for one check. */
  run<R>(work: () => Promise<R>): Promise<R>
  /** Rejects unless the tables are up to date now, whatever was found before. */
  recheck(): Promise<void>
  /** Waits for a check in progress. */
  settle(): Promise<unknown>
}

/** `applied` reads the names of the applied migrations. */
export function createMigrationCheck(folder: URL, applied: () => Promise<readonly string[]>): MigrationCheck {
  let isUpToDate = false
  let checking: Promise<void> | undefined

  function check(): Promise<void> {
    checking ??= refuseOutdated().finally(() => {
      checking = undefined
    })
    return checking
  }

  async function refuseOutdated(): Promise<void> {
    const [names, found] = await Promise.all([migrationNames(folder), applied()])
    isUpToDate = false
    requireApplied(names, found)
    isUpToDate = true
  }

  return {
    run: (work) => (isUpToDate ? work() : check().then(work)),
    recheck: check,
    settle: () => Promise.allSettled([checking]),
  }
}
