import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const retryIntervalMs = 20

/**
 * Runs a statement that takes a lock, once the lock is free. SQLite's busy timeout would block the event loop, which the holder
 * of the lock may need, so the connection must have none.
 */
export async function execWhenFree(
  connection: DatabaseSync,
  text: string,
  timeoutMs: number,
  retryMs = retryIntervalMs,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      connection.exec(text)
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error
    }
    await sleep(retryMs)
  }
}

/** The files beside a database by which processes register for it, and their folder. */
export function lockFiles(path: string) {
  const folder = join(dirname(path), 'locks')
  const file = join(folder, basename(path))
  return {
    folder,
    registrationLock: `${file}-gate`,
    presenceLock: `${file}-members`,
    sharingRequest: `${file}-wanted`,
  }
}

/** Whether a statement failed because another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}
