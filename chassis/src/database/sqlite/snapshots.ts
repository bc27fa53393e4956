import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { createPrivateFile } from '../../files/index.ts'
import { AppError } from '../../errors/index.ts'
import { migrationTable } from '../migrations.ts'
import { damagedFile, withFileFaults } from './file-fault.ts'
import { execWhenFree, isBusy } from './locks.ts'

/** Less than the time for which services wait for a lock, so that none of their writes fails. */
const lockTimeoutMs = 2_000
/** Writers free a lock for moments only. */
const lockRetryMs = 1
const pagesPerStep = 1_000

type Copy = { readonly from: string; readonly to: string }

/**
 * Copies databases that are in use, all as of one instant, to new files that need no companions. Returns the instant, by the clock of
 * the machine in milliseconds, and the applied migrations of each.
 *
 * All write locks are held together for the moment in which a read transaction is begun on each database; then writers go on, and
 * each is copied from its read transaction, which shows none of their changes. The databases are not changed.
 */
export async function copyAtOneInstant(
  copies: readonly Copy[],
): Promise<{ instant: number; migrations: string[][] }> {
  const sources: Source[] = []
  try {
    for (const copy of copies) {
      createPrivateFile(copy.to)
      sources.push(await withFileFaults(copy.from, () => openSource(copy)))
    }
    const instant = await beginTogether(sources)
    for (const { snapshot, from, to } of sources)
      await withFileFaults(from, () => backup(snapshot, to, { rate: pagesPerStep }))
    const migrations: string[][] = []
    for (const source of sources)
      migrations.push(await withFileFaults(source.from, () => completeCopy(source)))
    return { instant, migrations }
  } finally {
    for (const { lock, snapshot } of sources) {
      snapshot.close()
      // Last, since a connection that only reads leaves the companions behind when no other process is there.
      lock.close()
    }
  }
}

type Source = Copy & { readonly lock: DatabaseSync; readonly snapshot: DatabaseSync }

function openSource({ from, to }: Copy): Source {
  const lock = new DatabaseSync(from, { timeout: 0 })
  try {
    return { from, to, lock, snapshot: new DatabaseSync(from, { readOnly: true, timeout: lockTimeoutMs }) }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Writers wait from the first lock until the return. */
async function beginTogether(sources: readonly Source[]): Promise<number> {
  const deadline = performance.now() + lockTimeoutMs
  try {
    for (const { lock, from } of sources) {
      const take = () =>
        execWhenFree(lock, 'begin immediate', deadline - performance.now(), lockRetryMs).catch((error) => {
          throw isBusy(error) ? lockedTooLong(from) : error
        })
      await withFileFaults(from, take)
    }
    // Only the first statement that reads begins the read transaction.
    for (const { snapshot, from } of sources)
      await withFileFaults(from, () => snapshot.exec('begin; select * from sqlite_master'))
    return Date.now()
  } finally {
    for (const { lock } of sources) if (lock.isTransaction) lock.exec('rollback')
  }
}

function lockedTooLong(path: string): AppError {
  return new AppError(
    'conflict',
    `Another process holds the write lock of ${path} for more than ${lockTimeoutMs / 1000} s, as a migration may. Try again when it has ended.`,
  )
}

/** Makes the copy independent of companions, and checks it; returns its applied migrations. */
function completeCopy({ from, to, snapshot }: Source): string[] {
  const copy = new DatabaseSync(to)
  try {
    copy.exec('pragma synchronous = full; pragma journal_mode = delete')
    const fault = faultIn(copy)
    if (fault !== undefined) {
      const own = faultIn(snapshot)
      throw own === undefined ? damagedCopy(from, to, fault) : damagedFile(from, own)
    }
    const tables = copy.prepare('select 1 from sqlite_master where name = ?').all(migrationTable)
    if (tables.length === 0) return []
    const rows = copy.prepare(`select name from ${migrationTable} order by name`).all()
    return rows.map(({ name }) => String(name))
  } finally {
    copy.close()
  }
}

/** The first thing that is damaged. */
function faultIn(database: DatabaseSync): string | undefined {
  const [found] = database.prepare('pragma integrity_check(1)').all()
  return found?.integrity_check === 'ok' ? undefined : String(found?.integrity_check)
}

function damagedCopy(from: string, to: string, fault: string): AppError {
  return new AppError(
    'conflict',
    `The copy of ${from} is damaged, although ${from} is not: check the disk of ${dirname(dirname(to))}, or name a folder on another one. The check found: ${fault}`,
  )
}
