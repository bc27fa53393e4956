import { existsSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../errors/index.ts'
import { createPrivateFile, createPrivateFolder, restrictFolder } from '../../files/index.ts'
import { execWhenFree, isBusy, lockFiles } from './locks.ts'

const pollIntervalMs = 50
const registrationTimeoutMs = 15_000

/**
 * Determines whether this process is the only one that has an embedded database open, which makes its in-memory cache
 * coherent.
 *
 * A single process holds an exclusive lock on a file beside the database; several processes hold shared locks. These are
 * SQLite's own file locks, since the kernel releases them when a process ends in whatever way. A process that finds the
 * exclusive lock taken requests sharing by a file, and waits until the holder has downgraded its lock: so no process writes
 * while another relies on being single. Processes register one at a time, under a registration lock, so that none takes the
 * exclusive lock while a holder changes its own.
 */
export async function registerProcess(path: string): Promise<{ isSingleProcess(): boolean; leave(): void }> {
  const { registrationLock, presenceLock, sharingRequest } = openLocks(path)
  let poll: NodeJS.Timeout | undefined
  let isSingle = false
  try {
    await execWhenFree(registrationLock, 'begin exclusive', registrationTimeoutMs)
    isSingle = takeExclusive(presenceLock)
    if (isSingle) {
      rmSync(sharingRequest, { force: true })
      poll = setInterval(shareOnRequest, pollIntervalMs).unref()
    } else await takeShared(presenceLock, sharingRequest)
  } catch (error) {
    presenceLock.close()
    throw error
  } finally {
    registrationLock.close()
  }

  function shareOnRequest(): void {
    if (!existsSync(sharingRequest)) return
    clearInterval(poll)
    isSingle = false
    presenceLock.exec('commit; pragma busy_timeout = 5000; begin; select * from sqlite_master')
  }

  return {
    isSingleProcess: () => isSingle,
    leave() {
      clearInterval(poll)
      isSingle = false
      presenceLock.close()
    },
  }
}

/**
 * Does the work while no process is registered for the database; one that starts meanwhile waits for its end. Rejects with `conflict`
 * where one is registered.
 */
export async function withoutProcesses<R>(path: string, work: () => Promise<R>): Promise<R> {
  const { registrationLock, presenceLock } = openLocks(path)
  try {
    await execWhenFree(registrationLock, 'begin exclusive', registrationTimeoutMs)
    if (!takeExclusive(presenceLock)) throw new AppError('conflict', `A service uses ${path}. Stop it first.`)
    return await work()
  } finally {
    presenceLock.close()
    registrationLock.close()
  }
}

function openLocks(path: string) {
  const { folder, registrationLock, presenceLock, sharingRequest } = lockFiles(path)
  createPrivateFolder(folder)
  restrictFolder(folder)
  for (const file of [registrationLock, presenceLock]) createPrivateFile(file)
  return {
    registrationLock: new DatabaseSync(registrationLock, { timeout: 0 }),
    presenceLock: new DatabaseSync(presenceLock, { timeout: 0 }),
    sharingRequest,
  }
}

function takeExclusive(presenceLock: DatabaseSync): boolean {
  try {
    presenceLock.exec('begin exclusive')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

async function takeShared(presenceLock: DatabaseSync, sharingRequest: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < registrationTimeoutMs; waitedMs += pollIntervalMs) {
    try {
      presenceLock.exec('begin; select * from sqlite_master')
      rmSync(sharingRequest, { force: true })
      return
    } catch (error) {
      if (presenceLock.isTransaction) presenceLock.exec('rollback')
      if (!isBusy(error)) throw error
    }
    createPrivateFile(sharingRequest)
    await sleep(pollIntervalMs)
  }
  throw new Error(
    `Another process holds the lock of ${sharingRequest.replace(/-wanted$/, '')} and does not respond; is it stopped?`,
  )
}
