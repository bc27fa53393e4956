import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'
import type { Operation } from './operation.ts'

const lockMsMax = 10_000
/** A database and a queue have logs of 32 MB each before they are written back. */
const diskSize = '160m'
const fillBytes = 1024 * 1024

/** Faults of a database file, on a small file system of its own where this process may mount one. */
export function sqliteFaults(
  parent: string,
  name: string,
): { folder: string; faults: readonly Fault[]; isBack: Operation; close(): void } {
  const folder = join(parent, 'disk')
  mkdirSync(folder, { mode: 0o700 })
  const isMounted = mount(folder)
  const filler = join(folder, 'filler')
  const open = () => new DatabaseSync(join(folder, name), { timeout: 0 })
  let holder: DatabaseSync | undefined

  return {
    folder,
    faults: [
      fault(
        'lock',
        async () => {
          holder = open()
          await lock(holder)
        },
        () => {
          holder?.exec('rollback')
          holder?.close()
        },
      ),
      ...(isMounted
        ? [
            fault(
              'full',
              () => fill(folder, filler),
              () => rmSync(filler, { force: true }),
            ),
          ]
        : []),
    ],
    async isBack() {
      const database = open()
      try {
        database.exec(
          'begin immediate; create table nemesis (n int); insert into nemesis values (1); rollback',
        )
      } finally {
        database.close()
      }
    },
    close: () => isMounted && execFileSync('umount', ['-l', folder]),
  }
}

/** Waits between writers, without blocking this process. */
async function lock(database: DatabaseSync): Promise<void> {
  for (const giveUpAt = performance.now() + lockMsMax; ; await pause(1))
    try {
      return database.exec('begin immediate')
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
    }
}

function mount(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskSize},mode=0700`, 'tmpfs', folder], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

/** Leaves no block free. */
function fill(folder: string, file: string): void {
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(folder)
      if (bavail === 0) return
      appendFileSync(file, Buffer.alloc(Math.min(fillBytes, bavail * bsize)))
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
