import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { execWhenFree, isBusy } from './locks.ts'

const pollIntervalMs = 50
const joinTimeoutMs = 15_000

/**
 * Tells whether this process is the only one that writes an embedded database, which is what makes its in-memory cache true.
 *
 * The sole process holds an exclusive lock on a file beside the database; several hold shared ones. SQLite's own file locks
 * serve, because the kernel drops them with the process, however it dies. A newcomer that finds the lock taken asks
 * for sharing and waits until the holder has given up its claim, so nobody ever writes beside a process that thinks it is
 * alone. Newcomers pass a gate one by one, so that none becomes sole while a holder changes its lock.
 */
export async function registerProcess(path: string): Promise<{ isSingleProcess(): boolean; leave(): void }> {
  const folder = join(dirname(path), 'locks')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, basename(path))
  const wanted = `${file}-wanted`
  const gate = new DatabaseSync(`${file}-gate`, { timeout: 0 })
  const members = new DatabaseSync(`${file}-members`, { timeout: 0 })
  let poll: NodeJS.Timeout | undefined
  let sole = false
  try {
    await execWhenFree(gate, 'begin exclusive', joinTimeoutMs)
    sole = takeExclusive(members)
    if (sole) {
      rmSync(wanted, { force: true })
      poll = setInterval(shareWhenWanted, pollIntervalMs).unref()
    } else await takeShared(members, wanted)
  } catch (error) {
    members.close()
    throw error
  } finally {
    gate.close()
  }

  function shareWhenWanted(): void {
    if (!existsSync(wanted)) return
    clearInterval(poll)
    sole = false
    members.exec('commit; pragma busy_timeout = 5000; begin; select * from sqlite_master')
  }

  return {
    isSingleProcess: () => sole,
    leave() {
      clearInterval(poll)
      sole = false
      members.close()
    },
  }
}

function takeExclusive(members: DatabaseSync): boolean {
  try {
    members.exec('begin exclusive')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

async function takeShared(members: DatabaseSync, wanted: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < joinTimeoutMs; waitedMs += pollIntervalMs) {
    try {
      members.exec('begin; select * from sqlite_master')
      rmSync(wanted, { force: true })
      return
    } catch (error) {
      if (members.isTransaction) members.exec('rollback')
      if (!isBusy(error)) throw error
    }
    writeFileSync(wanted, '')
    await sleep(pollIntervalMs)
  }
  throw new Error(
    `Another process holds ${wanted.replace(/-wanted$/, '')} and does not answer; is it stopped?`,
  )
}
