import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'
import type { Operation } from './operation.ts'

const lockMsMax = 10_000
const diskSize = '64m'

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
  const { bavail, bsize } = statfsSync(folder)
  try {
    writeFileSync(file, Buffer.alloc(bavail * bsize))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
